"""Byte-pair encoding against the package `tokenizers`, on awkward texts and real files;
a vocabulary that lies is one line."""

import json

import pytest

from shared.data.bpe import SEEN, BytePair, learnt
from shared.data.text import _sonnets
from shared.errors import UsageError

library = pytest.importorskip(
    "tokenizers", reason="tokenizers is not installed: pip install .[text]"
)

TEXTS = (
    "",
    " ",
    "  ",
    "\n",
    " a",
    "Hello  world\n\n  x  ",
    "na\u00efve caf\u00e9 \u65e5\u672c\u8a9e \u00bd \u216b",
    "x\u00a0y\u2003z \x1c \x85 \u180e.",
    "don't I'LL we're it's's 'tis",
    "12 345 \u0663 1\u00bd",
    "tab\t\tx\r\n y",
    "\U0001f600 \U0001f468\u200d\U0001f469 e\u0301 end ",
    "a!? --b__c",
)


def original(by):
    pre = library.pre_tokenizers
    steps = [pre.ByteLevel(add_prefix_space=False)]
    steps = [pre.Digits(individual_digits=True), *steps] if by.digits else steps
    model = library.models.BPE(vocab=dict(by.numbers), merges=[*by.ranks])
    found = library.Tokenizer(model)
    found.pre_tokenizer = pre.Sequence(steps)
    found.add_special_tokens(
        [library.AddedToken(t, special=True) for t in sorted(by.special)]
    )
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["digits", "digit"])
def own(request):
    return learnt([_sonnets()], 500, digits=request.param)


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_that_of_the_library(own, text):
    found = own.encode(text)
    assert found == original(own).encode(text).ids
    assert own.decode(found) == text


def test_it_learns_what_the_library_learns():
    theirs = library.Tokenizer(library.models.BPE())
    theirs.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=500,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator([_sonnets()], trainer)
    assert learnt([_sonnets()], 500).numbers == theirs.get_vocab()


def test_real_files(own, shakespeare):
    text = shakespeare[:200_000]
    found = own.encode(text)
    assert found == original(own).encode(text).ids
    assert own.decode(found) == text


def test_special_tokens_are_text_unless_they_are_wanted(tmp_path):
    by = BytePair.of("x", [*SEEN.values(), "<a>", "<a>b"], [], ["<a>", "<a>b"])
    text = "x<a>y<a>b<a"
    wanted = original(by).encode(text).ids
    assert by.encode(text, special=True) == wanted
    assert len(by.encode(text)) == len(text)
    assert by.decode(wanted, special=True) == text
    assert by.decode(wanted) == "xy<a"


def test_a_file_of_the_library_is_read(own, tmp_path):
    theirs = original(own)
    theirs.save(str(tmp_path / "tokenizer.json"))
    found = BytePair.read(tmp_path / "tokenizer.json")
    assert (found.numbers, found.ranks) == (own.numbers, own.ranks)
    assert found.digits == own.digits


def test_what_is_no_utf8_is_marked():
    by = learnt(["a"], 256)
    half = by.encode("\u00e9")[:1]
    assert by.bytes(half) == b"\xc3"
    assert by.decode(half) == "\ufffd"
    with pytest.raises(UsageError, match="token 256 is not one of the 256 known"):
        by.decode([256])


BYTE_LEVEL = {"type": "ByteLevel"}


def saved(**changes):
    vocab = {token: number for number, token in enumerate(SEEN.values())}
    model = {"type": "BPE", "vocab": vocab, "merges": [], **changes.pop("model", {})}
    return {"model": model, "pre_tokenizer": BYTE_LEVEL, **changes}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "its model is 'None'; allowed: BPE"),
        (saved(model={"type": "WordPiece"}), "its model is 'WordPiece'"),
        (saved(model={"vocab": []}), "without vocab and merges"),
        (saved(model={"vocab": {"a": 0, "b": 7}}), "not numbered from 0 on"),
        (saved(model={"vocab": {"a": 0, "b": "1"}}), "not numbered from 0 on"),
        (saved(model={"vocab": {}}), "is no list of tokens"),
        (saved(model={"merges": ["a"]}), "'a' is no pair of its tokens"),
        (saved(model={"merges": [7]}), "is no pair of its tokens"),
        (saved(model={"merges": ["a b"]}), "'a b' is no pair of its tokens"),
        (saved(model={"unk_token": "?!"}), r"the unknown token '\?!' is none"),
        (saved(added_tokens=7), "added_tokens is no list"),
        (saved(added_tokens=[{"content": "x"}]), "not numbered from 0 on"),
        (saved(pre_tokenizer=None), "before the pairs"),
        (saved(pre_tokenizer={"type": "Whitespace"}), "'Whitespace'"),
    ],
)
def test_a_vocabulary_that_lies_is_refused(content, said, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UsageError, match=said) as told:
        BytePair.read(path)
    assert "\n" not in str(told.value)


def test_sizes_that_cannot_be_are_refused():
    for size in (255, 1 << 21):
        with pytest.raises(UsageError, match="from 256 to 1,048,576"):
            learnt(["a"], size)

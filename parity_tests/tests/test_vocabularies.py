"""Words, characters and unigram pieces against the package `tokenizers`, on awkward
texts and real files; a vocabulary that lies is one line."""

import json

import numpy as np
import pytest

from shared.data.text import _sonnets
from shared.data.unigram import SPACE, Unigram
from shared.data.vocabulary import PAD, SPECIAL, UNKNOWN, Vocabulary
from shared.errors import UsageError

library = pytest.importorskip(
    "tokenizers", reason="tokenizers is not installed: pip install .[text]"
)

TEXTS = (
    "",
    " ",
    "Shall I compare thee",
    "thee, thou--art! it's_a 12",
    "  two  spaces ",
    "na\u00efve \u65e5\u672c q\u00e9\u00e9z xyzzy\u216b",
    "[PAD] [UNK]",
    "line\nline\ttab",
)


def word_level(by):
    found = library.Tokenizer(library.models.WordLevel(dict(by.numbers), UNKNOWN))
    if by.split == "words":
        found.pre_tokenizer = library.pre_tokenizers.Whitespace()
    else:
        every = library.Regex(r"[\s\S]")
        found.pre_tokenizer = library.pre_tokenizers.Split(every, "isolated")
    return found


@pytest.fixture(scope="module", params=["words", "characters"])
def own(request):
    return Vocabulary.learnt([_sonnets()], request.param, 300, least=2)


@pytest.mark.parametrize("text", TEXTS[:-2] + TEXTS[-1:])
def test_words_and_characters_are_those_of_the_library(own, text):
    found = [own.numbers[piece] for piece in own.pieces(text)]
    assert found == word_level(own).encode(text).ids


def test_real_words(own, shakespeare):
    text = shakespeare[:100_000]
    found = [own.numbers[piece] for piece in own.pieces(text)]
    assert found == word_level(own).encode(text).ids


def test_special_tokens_in_a_text_are_text(own):
    assert set(own.pieces("[PAD]")) <= {UNKNOWN, *own.numbers} - {PAD}


def test_padding_and_truncation(own):
    (tokens, mask), cut = own.encode(["", "thee", "thee " * 20], 9)
    assert cut == [False, False, True]
    assert mask.sum(1).tolist() == [2, 3 if own.split == "words" else 6, 9]
    assert (tokens[mask == 0] == own.numbers[PAD]).all()
    pad, unknown, first, last = (own.numbers[token] for token in SPECIAL)
    assert tokens[0].tolist() == [first, last] + [pad] * 7
    assert tokens[2, 0] == first
    assert tokens[2, -1] == last
    assert unknown not in tokens
    (plain, _), cut = own.encode(["thee"], 2, ends=False)
    assert cut == [own.split == "characters"]
    assert own.decode(plain[0].tolist()) == ("thee" if own.split == "words" else "th")
    with pytest.raises(UsageError, match="at most 1 tokens are too few"):
        own.encode(["a"], 1)


def test_there_and_back(own, tmp_path):
    path = tmp_path / "x.txt"
    if own.split == "characters":
        with pytest.raises(UsageError, match="a token ends a line"):
            own.lines()
        return
    path.write_text(own.lines(), encoding="utf-8")
    assert Vocabulary.read(path, own.split).numbers == own.numbers
    assert own.decode(range(4, 7)) == " ".join([*own.numbers][4:7])
    number = len(own.numbers)
    with pytest.raises(UsageError, match=f"token {number} is not one of the {number}"):
        own.decode([number])


HEAD = "\n".join(SPECIAL) + "\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with"),
        (b"a\nb\n", "does not begin with"),
        (HEAD.encode() + b"a\na\n", "line 6: 'a' is there twice"),
        (HEAD.encode() + b"[PAD]\n", r"line 5: '\[PAD\]' is there twice"),
        (HEAD.encode() + b"a b\n", "line 5: 'a b' is no token of words"),
        (HEAD.encode() + b"\n\n", "line 5: '' is no token of words"),
        (HEAD.encode() + b"\xff", "is not UTF-8"),
    ],
)
def test_a_vocabulary_that_lies_is_refused(content, said, tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        Vocabulary.read(path, "words")


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="from 5 to 1,048,576"):
        Vocabulary.learnt(["a"], "words", 4)


# Unigram


@pytest.fixture(scope="module")
def theirs():
    """What the library learns of the sonnets."""
    found = library.Tokenizer(library.models.Unigram())
    found.pre_tokenizer = library.pre_tokenizers.Metaspace()
    trainer = library.trainers.UnigramTrainer(
        vocab_size=300, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]
    )
    found.train_from_iterator([_sonnets()], trainer)
    return found


@pytest.fixture(scope="module")
def pieces(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("unigram") / "tokenizer.json"
    theirs.save(str(path))
    return Unigram.read(path)


@pytest.mark.parametrize("text", TEXTS)
def test_unigram_is_that_of_the_library(pieces, theirs, text):
    assert pieces.encode(text) == theirs.encode(text).ids


def test_real_texts_in_pieces(pieces, theirs, shakespeare):
    text = shakespeare[:100_000]
    found = pieces.encode(text)
    assert found == theirs.encode(text).ids


def test_pieces_come_together_again(pieces):
    line = "Shall I compare thee to a summer's day?"
    assert pieces.decode(pieces.encode(line)) == line
    assert pieces.split(line)[0].startswith(SPACE)
    with pytest.raises(UsageError, match="is not one of the"):
        pieces.decode([10**6])


def test_the_likeliest_of_all_ways_is_taken():
    """Against every way there is."""
    draw = np.random.default_rng(0)
    rows = [["<unk>", 0.0]]
    rows += [[p, -float(draw.uniform(1, 9))] for p in ("a", "b", "ab", "ba", "aba")]
    by = Unigram.of("x", rows, 0, spaced=False)
    for text in ("abab", "aabba", "bababab"):
        ways = [[]]
        for place in range(len(text)):
            ways += [
                [*way, text[place:end]]
                for way in [w for w in ways if len("".join(w)) == place]
                for end in range(place + 1, len(text) + 1)
                if text[place:end] in by.scores
            ]
        whole = [way for way in ways if "".join(way) == text]
        assert by.split(text) == max(whole, key=lambda w: sum(map(by.scores.get, w)))


def saved(**model):
    vocab = [["<unk>", 0.0], ["a", -1.0]]
    return {"model": {"type": "Unigram", "vocab": vocab, "unk_id": 0, **model}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "its model is 'None'; allowed: Unigram"),
        (saved(type="BPE"), "its model is 'BPE'"),
        (saved(vocab=None), "its pieces are no list"),
        (saved(vocab=[]), "its pieces are no list"),
        (saved(vocab=[["a", 0.0], ["a", 1.0]]), "is no piece, or there twice"),
        (saved(vocab=[["a", "b"]]), "is no piece, or there twice"),
        (saved(vocab=[["a", 10**400]]), "is no piece, or there twice"),
        (saved(vocab=[["a" * 300, 0.0]]), "is no piece, or there twice"),
        (saved(vocab=[7]), "'7' is no piece, or there twice"),
        (saved(unk_id=None), "unk_id 'None'; allowed: below 2"),
        (saved(unk_id=2), "unk_id '2'; allowed: below 2"),
        (
            {**saved(), "pre_tokenizer": {"type": "Digits"}},
            "'Digits' before the pieces",
        ),
    ],
)
def test_pieces_that_lie_are_refused(content, said, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=said):
        Unigram.read(path)

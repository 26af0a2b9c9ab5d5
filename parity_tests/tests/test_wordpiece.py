"""BERT's tokenizer by hand, against the paper's greed, and against `tokenizers`."""

import random

import numpy as np
import pytest

from parity_tests.tests.test_originals import needs
from parity_tests.tests.test_pretrained import needs as needs_weights
from shared.data.batches import Ragged, padded
from shared.data.wordpiece import WordPiece, words
from shared.errors import UsageError
from shared.files import pretrained

PIECES = "[PAD] [UNK] [CLS] [SEP] un un##s ##aff ##able ##ab ##le a ##a ! 中 strasse"
TOKENIZER = WordPiece({piece: i for i, piece in enumerate(PIECES.split())})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("  many \t spaces\r\nand lines ", ["many", "spaces", "and", "lines"]),
        ("Crème brûlée Ångström", ["creme", "brulee", "angstrom"]),
        (
            "don't re-enter $5^2",
            ["don", "'", "t", "re", "-", "enter", *"$", "5", "^", "2"],
        ),
        ("日本 go中文", ["日", "本", "go", "中", "文"]),
        ("zero\u200bwidth\x00\ufffd\x07", ["zerowidth"]),
        ("ΟΔΟΣ İstanbul STRAẞE", ["οδοσ", "istanbul", "straße"]),
        ("no\u00a0break\u3000wide", ["no", "break", "wide"]),
        ("“quoted” — ¿qué?", ["“", "quoted", "”", "—", "¿", "que", "?"]),
        ("", []),
    ],
)
def test_words(text, found):
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("Unaffa", ["un", "##aff", "##a"]),
        ("unx", ["[UNK]"]),  # of a word that does not go up nothing is left
        ("aaa a!", ["a", "##a", "##a", "a", "!"]),
        ("a中a", ["a", "中", "a"]),
        ("[SEP]", ["[UNK]", "[UNK]", "[UNK]"]),
        ("a" * 100, ["a"] + ["##a"] * 99),
        ("a" * 101, ["[UNK]"]),
    ],
)
def test_pieces(text, found):
    assert TOKENIZER.pieces(text) == found


def test_texts_become_arrays_of_the_longest():
    (tokens, mask, token_types), cut = TOKENIZER.encode(["a a", "", "a a a!"], 5)
    np.testing.assert_array_equal(
        tokens, [[2, 10, 10, 3, 0], [2, 3, 0, 0, 0], [2, 10, 10, 10, 3]]
    )
    np.testing.assert_array_equal(mask.sum(1), [4, 2, 5])
    assert not token_types.any()
    assert cut == [False, False, True]


def test_a_vocabulary_is_read(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text(PIECES.replace(" ", "\n") + "\n")
    assert WordPiece.read(path) == TOKENIZER
    path.write_text("a\nb\n")
    with pytest.raises(UsageError, match=r"no vocabulary of BERT, it lacks \[PAD\]"):
        WordPiece.read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        WordPiece.read(tmp_path / "none.txt")


def test_sequences_are_filled_up():
    part = Ragged(np.array([5, 6, 7]), np.array([2, 0, 1]))
    values, mask = padded(part, fill=-1)
    np.testing.assert_array_equal(values, [[5, 6], [-1, -1], [7, -1]])
    np.testing.assert_array_equal(mask, [[1, 1], [0, 0], [1, 0]])
    wide, mask = padded(part, fill=0, length=3)
    assert (wide.shape, mask.sum()) == ((3, 3), 3)
    rows, _ = padded(Ragged(np.ones((3, 4)), np.array([1, 2])), fill=0)
    assert rows.shape == (2, 2, 4)
    with pytest.raises(UsageError, match="a sample of 2 rows; 1 are allowed"):
        padded(part, fill=0, length=1)


# Characters on which tokenizers are known to part.
AWKWARD = (
    "abcXYZ éàüñßØİı  \t\n\r.,!?$^`~_-'\"@#€£½²ﬁ①Ǆ\u0301\u0308\u00a0\u00ad\u200b\u200d"
    "\u2028\u3000\ufeff\ufffd\x00\x07\x7f\x85中文字𠀀豈日本語カタカナ한국어Ελληνικάςрусский"
    "עברית العربية हिन्दी ไทย🙂👩\u200d👧\ue000\u0378"
)


@needs("tokenizers")
def test_the_package_splits_awkward_texts_alike():
    needs_weights("minilm_l6")
    from tokenizers import Tokenizer

    files = pretrained.fetched("minilm_l6")
    theirs = Tokenizer.from_file(str(files["tokenizer"]))
    theirs.no_padding()
    theirs.no_truncation()
    ours = WordPiece.read(files["vocabulary"])
    draw = random.Random(0)
    for _ in range(3000):
        text = "".join(draw.choices(AWKWARD, k=draw.randrange(40)))
        assert ours.pieces(text) == theirs.encode(text).tokens[1:-1], repr(text)


@needs("tokenizers")
def test_the_package_gives_the_same_numbers():
    needs_weights("minilm_l6")
    from tokenizers import Tokenizer

    files = pretrained.fetched("minilm_l6")
    theirs = Tokenizer.from_file(str(files["tokenizer"]))  # cuts and fills up to 128
    texts = ["A plain sentence.", "", "word " * 200, "x" * 300]
    (tokens, mask, _), cut = WordPiece.read(files["vocabulary"]).encode(texts, 128)
    found = theirs.encode_batch(texts)
    np.testing.assert_array_equal(tokens, [one.ids for one in found])
    np.testing.assert_array_equal(mask, [one.attention_mask for one in found])
    assert cut == [False, False, True, False]

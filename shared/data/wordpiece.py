"""BERT's tokenizer for text in lower case: words and marks first, then the longest
pieces that the vocabulary has (Wu et al. 2016, arXiv:1609.08144, section 4.1).

Settled as the package `tokenizers` has it, with which published weights are used today:
letters become small one by one, so that a sigma at the end of a word is one like any
other. What looks like a special token, such as [SEP], is text here.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Ragged, padded
from shared.errors import UsageError

PAD, UNKNOWN, FIRST, LAST, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
_INSIDE = "##"  # before a piece that does not begin a word
_LONGEST_WORD = 100  # in characters; a longer one is unknown
# The blocks of Chinese characters, each of which is a word.
_CHINESE = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True)
class WordPiece:
    """A tokenizer splits words into the longest pieces of its vocabulary.

    numbers: of each piece of the vocabulary.
    """

    numbers: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> "WordPiece":
        """Read a vocabulary, a piece a line."""
        lines = reading.text(path).split("\n")
        numbers = {piece: number for number, piece in enumerate(lines) if piece}
        for special in (PAD, UNKNOWN, FIRST, LAST):
            if special not in numbers:
                raise UsageError(f"{path}: no vocabulary of BERT, it lacks {special}")
        return cls(numbers)

    def pieces(self, text: str) -> list[str]:
        return [piece for word in words(text) for piece in self._pieces(word)]

    def encode(
        self, texts: Sequence[str], longest: int
    ) -> tuple[tuple[Array, Array, Array], list[bool]]:
        """Give tokens, mask and token types, [texts, the longest's tokens], and say
        which texts were cut, since they have more than `longest` tokens."""
        rows, cut = [], []
        for text in texts:
            inner = self.pieces(text)
            rows.append([FIRST, *inner[: longest - 2], LAST])
            cut.append(len(inner) > longest - 2)
        values = [self.numbers[piece] for row in rows for piece in row]
        counts = np.array([len(row) for row in rows], np.int64)
        ragged = Ragged(np.array(values, np.int64), counts)
        tokens, mask = padded(ragged, fill=self.numbers[PAD])
        return (tokens, mask, np.zeros_like(tokens)), cut

    def _pieces(self, word: str) -> list[str]:
        """The longest piece that the word begins with, then of the rest likewise."""
        if len(word) > _LONGEST_WORD:
            return [UNKNOWN]
        found: list[str] = []
        start = 0
        while start < len(word):
            begin = _INSIDE if start else ""
            for end in range(len(word), start, -1):
                if begin + word[start:end] in self.numbers:
                    break
            else:
                return [UNKNOWN]
            found.append(begin + word[start:end])
            start = end
        return found


def words(text: str) -> list[str]:
    """Split a text into words, in lower case and without accents; every mark and
    Chinese character is one by itself."""
    return "".join(_spaced(_plain(_clean(text)))).split()


def _clean(text: str) -> Iterator[str]:
    """Drop what is not printed; whatever separates words is a space."""
    for c in text:
        category = unicodedata.category(c)
        if c in "\t\n\r" or category[0] == "Z":
            yield " "
        elif category not in ("Cc", "Cf", "Co") and c != "\ufffd":
            yield f" {c} " if _is_chinese(c) else c


def _plain(text: Iterator[str]) -> Iterator[str]:
    for c in unicodedata.normalize("NFD", "".join(text)):
        if unicodedata.category(c) != "Mn":  # an accent
            yield c.lower()


def _spaced(text: Iterator[str]) -> Iterator[str]:
    for c in "".join(text):
        yield f" {c} " if _is_mark(c) else c


def _is_mark(c: str) -> bool:
    """Punctuation, and what else ASCII has that is no letter, number or space."""
    ascii_mark = " " < c < "\x7f" and not c.isalnum()
    return ascii_mark or unicodedata.category(c)[0] == "P"


def _is_chinese(c: str) -> bool:
    return any(first <= ord(c) <= last for first, last in _CHINESE)

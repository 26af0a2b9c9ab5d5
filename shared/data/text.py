"""Text as numbers of characters, to predict the next one or to tell it from none."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Dataset, Ragged, Samples, padded
from shared.data.files import data_folder
from shared.errors import UsageError
from shared.randomness import generator
from shared.reading import MEGABYTE


@dataclass(frozen=True)
class Text:
    """A text is kept as numbers of its characters.

    characters: the vocabulary, sorted.
    """

    characters: str
    numbers: Array

    @classmethod
    def of(cls, text: str) -> "Text":
        characters = "".join(sorted(set(text)))
        table = {c: i for i, c in enumerate(characters)}
        return cls(characters, np.array([table[c] for c in text], np.int64))

    def dataset(self, length: int, stride: int) -> Dataset:
        """Cut the text into windows of `length`, one every `stride`, each with the same
        one further on as its target; the last tenth is to test, the tenth before to
        validate."""
        n = len(self.numbers)
        a, b = n * 8 // 10, n * 9 // 10
        return Dataset(
            _windows(self.numbers[:a], length, stride),
            _windows(self.numbers[a:b], length, length),
            _windows(self.numbers[b:], length, length),
        )


def sonnets() -> Text:
    """Give ten of Shakespeare's sonnets."""
    return Text.of(_sonnets())


def _sonnets() -> str:
    return Path(__file__).with_name("sonnets.txt").read_text(encoding="utf-8")


CHARACTERS = 65  # of Tiny Shakespeare


def shakespeare() -> Text:
    """Read Tiny Shakespeare of char-rnn, from
    $TRIPTYCH_DATA/tinyshakespeare/input.txt."""
    folder = data_folder("tinyshakespeare", ["input.txt"])
    path = folder / "input.txt"
    found = Text.of(reading.text(path, most=32 * MEGABYTE))
    if len(found.characters) != CHARACTERS:
        raise UsageError(
            f"{path}: {len(found.characters)} different characters; Tiny Shakespeare "
            f"has {CHARACTERS}"
        )
    return found


def _windows(numbers: Array, length: int, stride: int) -> Samples:
    if len(numbers) <= length:
        raise UsageError(
            f"{len(numbers)} characters are too few for windows of {length}"
        )
    starts = np.arange(0, len(numbers) - length, stride)
    places = starts[:, None] + np.arange(length)
    return Samples((numbers[places],), (numbers[places + 1],))


PAD, FIRST = 0, 1  # then come all pairs of these
LETTERS = " abcdefghijklmnopqrstuvwxyz"
PAIRS = FIRST + 1 + len(LETTERS) ** 2
LONGEST = 56


def jumbled_sonnets(copies: int = 8, seed: int = 0) -> Dataset:
    """Is it English (1), or are the letters of each word in another order (0)?

    Of every line so many spans of at least four words, each as it is and jumbled; told
    by the pairs of neighbouring letters. The last tenth of the lines is to test, the
    tenth before to validate.
    """
    kept = "".join(c for c in _sonnets().lower() if c in LETTERS + "\n")
    lines = [line.split() for line in kept.splitlines() if line]
    n = len(lines)
    ends = [0, n * 8 // 10, n * 9 // 10, n]
    train, validation, test = (
        _jumbled(lines[a:b], copies, seed) for a, b in pairwise(ends)
    )
    return Dataset(train, validation, test)


def _jumbled(lines: list[list[str]], copies: int, seed: int) -> Samples:
    texts: list[str] = []
    for line in lines * copies:
        draw = generator("jumbled", seed, len(texts), line)
        first = int(draw.integers(0, max(len(line) - 4, 0) + 1))
        last = int(draw.integers(min(first + 4, len(line)), len(line) + 1))
        span = line[first:last]
        orders = [draw.permutation(len(word)) for word in span]
        jumbled = [
            "".join(word[i] for i in order)
            for word, order in zip(span, orders, strict=True)
        ]
        texts += [" ".join(span), " ".join(jumbled)]
    rows = [[FIRST, *(_pair(a, b) for a, b in pairwise(text))] for text in texts]
    values = np.array([number for row in rows for number in row], np.int64)
    counts = np.array([len(row) for row in rows], np.int64)
    tokens, mask = padded(Ragged(values, counts), PAD, LONGEST)
    english = np.arange(len(texts)) % 2 == 0
    inputs = (tokens, mask, np.zeros_like(tokens))
    return Samples(inputs, (english.astype(np.int64),))


def _pair(one: str, other: str) -> int:
    return FIRST + 1 + LETTERS.index(one) * len(LETTERS) + LETTERS.index(other)


def spelled(tokens: Array) -> str:
    """Spell the text of one sample of these, without its padding."""
    firsts, seconds = np.divmod(tokens[tokens > FIRST] - FIRST - 1, len(LETTERS))
    return "".join(LETTERS[i] for i in (*firsts, *seconds[-1:]))

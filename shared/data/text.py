"""Text as numbers of characters, to predict the next one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Samples
from shared.data.files import data_folder
from shared.errors import UsageError


@dataclass(frozen=True)
class Text:
    """characters: the vocabulary, sorted."""

    characters: str
    numbers: Array

    @classmethod
    def of(cls, text: str) -> "Text":
        characters = "".join(sorted(set(text)))
        table = {c: i for i, c in enumerate(characters)}
        return cls(characters, np.array([table[c] for c in text], np.int64))

    def dataset(self, length: int, stride: int) -> Dataset:
        """Windows of `length`, one every `stride`, and the same one further on; the
        last tenth is to test, the tenth before to validate."""
        n = len(self.numbers)
        a, b = n * 8 // 10, n * 9 // 10
        return Dataset(
            _windows(self.numbers[:a], length, stride),
            _windows(self.numbers[a:b], length, length),
            _windows(self.numbers[b:], length, length),
        )


def sonnets() -> Text:
    """Ten of Shakespeare's."""
    return Text.of(Path(__file__).with_name("sonnets.txt").read_text())


def shakespeare() -> Text:
    """Tiny Shakespeare of char-rnn, from $TRIPTYCH_DATA/tinyshakespeare/input.txt."""
    folder = data_folder("tinyshakespeare", ["input.txt"])
    return Text.of((folder / "input.txt").read_text())


def _windows(numbers: Array, length: int, stride: int) -> Samples:
    if len(numbers) <= length:
        raise UsageError(
            f"{len(numbers)} characters are too few for windows of {length}"
        )
    starts = np.arange(0, len(numbers) - length, stride)
    places = starts[:, None] + np.arange(length)
    return Samples((numbers[places],), (numbers[places + 1],))

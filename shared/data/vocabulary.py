"""Words or characters as numbers: a vocabulary that is learnt, kept as a token a line,
and used with padding and truncation.

The special tokens come first, in the order of SPECIAL; of the others the more frequent
comes first, of equally frequent ones the one that is first by its characters.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Ragged, padded
from shared.errors import UsageError, brief, one_line

PAD, UNKNOWN, FIRST, LAST = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = (PAD, UNKNOWN, FIRST, LAST)
MOST_TOKENS = 1 << 20
# Letters, digits and underscores, or marks; what separates them is left out.
_WORD = re.compile(r"\w+|[^\w\s]+")


def words(text: str) -> list[str]:
    """Split a text into words and runs of marks."""
    return _WORD.findall(text)


def characters(text: str) -> list[str]:
    return list(text)


Split = Callable[[str], list[str]]
SPLITS: dict[str, Split] = {"words": words, "characters": characters}


@dataclass(frozen=True)
class Vocabulary:
    """numbers: of each token. split: by its name in SPLITS."""

    numbers: Mapping[str, int]
    split: str

    @classmethod
    def learnt(
        cls, texts: Sequence[str], split: str, size: int, least: int = 1
    ) -> "Vocabulary":
        """Take the most frequent tokens, of those that occur `least` times at least, up
        to a whole vocabulary of `size`."""
        if not len(SPECIAL) < size <= MOST_TOKENS:
            allowed = f"from {len(SPECIAL) + 1} to {MOST_TOKENS:,}"
            raise UsageError(f"a vocabulary of {size:,} tokens; allowed: {allowed}")
        counts = Counter(token for text in texts for token in SPLITS[split](text))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        frequent = [t for t, n in ranked if n >= least and t not in SPECIAL]
        kept = [*SPECIAL, *frequent][:size]
        return cls({token: number for number, token in enumerate(kept)}, split)

    @classmethod
    def read(cls, path: Path, split: str) -> "Vocabulary":
        """Read a token a line; a file that lies is refused."""
        lines = reading.text(path).split("\n")
        tokens = lines[:-1] if lines[-1] == "" else lines
        if tuple(tokens[: len(SPECIAL)]) != SPECIAL:
            raise UsageError(f"{path}: it does not begin with {', '.join(SPECIAL)}")
        if len(tokens) > MOST_TOKENS:
            number = len(tokens)
            raise UsageError(f"{path}: {number:,} tokens; allowed: {MOST_TOKENS:,}")
        numbers: dict[str, int] = {}
        for line, token in enumerate(tokens, 1):
            told = brief(repr(one_line(token)))
            if numbers.setdefault(token, line - 1) != line - 1:
                raise UsageError(f"{path}: line {line}: {told} is there twice")
            if token not in SPECIAL and SPLITS[split](token) != [token]:
                raise UsageError(f"{path}: line {line}: {told} is no token of {split}")
        return cls(numbers, split)

    def lines(self) -> str:
        """Give a token a line, as `read` takes it; a token that ends a line cannot be
        written so."""
        if any("\n" in token or "\r" in token for token in self.numbers):
            raise UsageError("a token ends a line, and a file has one a line")
        return "".join(f"{token}\n" for token in self.numbers)

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text; what is not known is UNKNOWN, and what looks like a
        special token is text."""
        return [
            token if token in self.numbers and token not in SPECIAL else UNKNOWN
            for token in SPLITS[self.split](text)
        ]

    def encode(
        self, texts: Sequence[str], longest: int, ends: bool = True
    ) -> tuple[tuple[Array, Array], list[bool]]:
        """Tokens and mask, [texts, the longest's tokens], and which texts were cut,
        since they have more than `longest`. ends: FIRST before and LAST after each."""
        first, last = ([FIRST], [LAST]) if ends else ([], [])
        room = longest - len(first) - len(last)
        if room < 0:
            raise UsageError(f"at most {longest} tokens are too few for their ends")
        inner = [self.pieces(text) for text in texts]
        rows = [[*first, *pieces[:room], *last] for pieces in inner]
        values = [self.numbers[piece] for row in rows for piece in row]
        counts = np.array([len(row) for row in rows], np.int64)
        ragged = Ragged(np.array(values, np.int64), counts)
        cut = [len(pieces) > room for pieces in inner]
        return padded(ragged, fill=self.numbers[PAD]), cut

    def decode(self, numbers: Sequence[int]) -> str:
        """The tokens again, words with a space between; without padding and ends."""
        tokens = [*self.numbers]
        wrong = [n for n in numbers if not 0 <= n < len(tokens)]
        if wrong:
            most = len(tokens)
            raise UsageError(f"token {wrong[0]} is not one of the {most:,} known")
        left = (PAD, FIRST, LAST)
        said = [tokens[n] for n in numbers if tokens[n] not in left]
        return (" " if self.split == "words" else "").join(said)

"""The unigram model of pieces (Kudo 2018, arXiv:1804.10959): of all ways to split a
text the likeliest, by the pieces' log probabilities.

Settled as the package `tokenizers` has it, which learns such vocabularies: a character
that is no piece costs 10 more than the unlikeliest one, and neighbours of that kind are
one unknown token; of equally likely ways the one whose last piece is longer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import reading
from shared.errors import UsageError, brief, one_line

MOST_BYTES = 64 * reading.MEGABYTE
MOST_PIECES = 1 << 20
LONGEST = 256  # characters of a piece
_PENALTY, _MOST = 10.0, 1e30
SPACE = "\u2581"  # what stands for a space, also before the first word


@dataclass(frozen=True)
class Unigram:
    """numbers, scores: of each piece; a score is a log probability. unknown: the number
    of what is no piece. spaced: spaces become SPACE, and one comes first."""

    numbers: Mapping[str, int]
    scores: Mapping[str, float]
    unknown: int
    spaced: bool

    @classmethod
    def of(
        cls, where: object, rows: Sequence[Any], unknown: Any, spaced: bool = True
    ) -> "Unigram":
        """Take pieces with their scores, each once."""
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_PIECES:
            raise UsageError(f"{where}: its pieces are no list of 1 to {MOST_PIECES:,}")
        scores: dict[str, float] = {}
        for row in rows:
            if not _is_piece(row) or row[0] in scores:
                raise UsageError(f"{where}: {_told(row)} is no piece, or there twice")
            scores[row[0]] = float(row[1])
        number = isinstance(unknown, int) and not isinstance(unknown, bool)
        if not number or not 0 <= unknown < len(scores):
            said = _told(unknown)
            raise UsageError(f"{where}: unk_id {said}; allowed: below {len(scores):,}")
        numbers = {piece: number for number, piece in enumerate(scores)}
        return cls(numbers, scores, unknown, spaced)

    @classmethod
    def read(cls, path: Path) -> "Unigram":
        """Read a tokenizer.json of Hugging Face that holds such a model."""
        found = reading.from_json(reading.content(path, MOST_BYTES), path)
        model = found.get("model") if isinstance(found, dict) else None
        kind = model.get("type") if isinstance(model, dict) else None
        if not isinstance(model, dict) or kind != "Unigram":
            raise UsageError(f"{path}: its model is {_told(kind)}; allowed: Unigram")
        before = found.get("pre_tokenizer") or {}
        steps = before.get("type") if isinstance(before, dict) else before
        if steps not in (None, "Metaspace"):
            said = _told(steps)
            raise UsageError(f"{path}: {said} before the pieces; allowed: Metaspace")
        rows, unknown = model.get("vocab"), model.get("unk_id")
        return cls.of(path, rows, unknown, steps == "Metaspace")  # type: ignore[arg-type]

    def split(self, text: str) -> list[str]:
        """The likeliest pieces of a text; neighbours that are none are one."""
        found: list[str] = []
        for word in self._words(text):
            found += self._pieces(word)
        return found

    def encode(self, text: str) -> list[int]:
        return [self.numbers.get(piece, self.unknown) for piece in self.split(text)]

    def decode(self, numbers: Sequence[int]) -> str:
        """The text again; what is unknown is its piece's name."""
        pieces = [*self.numbers]
        wrong = [n for n in numbers if not 0 <= n < len(pieces)]
        if wrong:
            most = len(pieces)
            raise UsageError(f"token {wrong[0]} is not one of the {most:,} known")
        said = "".join(pieces[n] for n in numbers)
        return said.replace(SPACE, " ").removeprefix(" ") if self.spaced else said

    def _words(self, text: str) -> list[str]:
        """Each with the space before it."""
        if not self.spaced or not text:
            return [text] if text else []
        whole = text.replace(" ", SPACE)
        whole = whole if whole.startswith(SPACE) else SPACE + whole
        return [SPACE + word for word in whole.split(SPACE)[1:]]

    def _pieces(self, word: str) -> list[str]:
        """Viterbi's way through one word."""
        missing = min(self.scores.values()) - _PENALTY
        best = [0.0, *(-math.inf for _ in word)]
        starts = [0] * (len(word) + 1)
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + LONGEST) + 1):
                piece = word[start:end]
                score = self.scores.get(piece, missing if end == start + 1 else None)
                if score is not None and best[start] + score > best[end]:
                    best[end], starts[end] = best[start] + score, start
        ends, place = [], len(word)
        while place:
            ends.append((starts[place], place))
            place = starts[place]
        return self._fused([word[start:end] for start, end in reversed(ends)])

    def _fused(self, pieces: list[str]) -> list[str]:
        found: list[str] = []
        known = True
        for piece in pieces:
            is_known = piece in self.numbers
            if is_known or known:
                found.append(piece)
            else:
                found[-1] += piece
            known = is_known
        return found


def _is_piece(row: Any) -> bool:
    return (
        isinstance(row, list | tuple)
        and len(row) == 2
        and isinstance(row[0], str)
        and len(row[0]) <= LONGEST
        and isinstance(row[1], int | float)
        and not isinstance(row[1], bool)
        and -_MOST < row[1] < _MOST
    )


def _told(value: object) -> str:
    return brief(repr(one_line(value)))

"""Where a run stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_type_hints

from shared.errors import UsageError
from shared.fields import Index, NonNegative, require


@dataclass(kw_only=True)
class Position:
    """Where a run stands; all of it goes into a checkpoint.

    step: batches done. batch: of them, in this epoch. losses: by name, the sum over
    those, and counted: how many there were.
    seconds: of training before the last start. plateau: the state of
    ReduceOnPlateau.
    """

    epoch: Index = 0
    batch: Index = 0
    step: Index = 0
    losses: dict[str, float] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    best: float | int | None = None
    best_epoch: int = -1
    seconds: NonNegative = 0.0
    plateau: list[float] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, given: Mapping[str, Any], scores: str) -> Self:
        """The position that a checkpoint tells; UsageError where it cannot be.

        scores: what a line of history calls the validation metric.
        """
        hints = get_type_hints(cls, include_extras=True)
        if odd := sorted(hints.keys() ^ given.keys()):
            raise UsageError(f"its position is of another kind: {', '.join(odd[:3])}")
        for name, hint in hints.items():
            require("its position", name, given[name], hint)
        at = cls(**given)
        plateau, told = at.plateau or [], at.history
        numbers = [at.best_epoch, *at.losses.values(), *at.counted.values(), *plateau]
        lines = {"epoch", "loss", "validation_loss", scores}
        if (
            not all(map(_is_number, numbers))
            or not _is_told(at.best)
            or len(plateau) not in (0, 4)
            or at.losses.keys() != at.counted.keys()
            or len(told) != at.epoch
            or not all(type(line) is dict and lines <= line.keys() for line in told)
            or not all(_is_told(line[name]) for line in told for name in lines)
        ):
            raise UsageError("its position does not agree with itself")
        return at


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_told(value: object) -> bool:
    return value is None or _is_number(value)

"""What an objective says of a training step; its losses stand natively in
`*_impl/objectives/`, one function a step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from shared.arrays import Arrays
from shared.data.batches import Samples
from shared.definitions.losses import Loss
from shared.definitions.optimizers import Optimizer
from shared.fields import Checked, Rate, Size
from shared.tensors import Tensor


class Subject(Protocol):
    """What an objective is told of the model that it trains; every spec says it."""

    def inputs(self) -> tuple[Tensor, ...]: ...

    def outputs(self, training: bool) -> tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class Step:
    """One update: the loss of the native function `name`, and what it moves.

    trains: shell patterns of the parameters it moves; the others stay as they are.
    noise: what its loss draws, in this order.
    every: it is taken after so many batches, the first time at that one.
    optimizer: its own; None for the plan's.
    """

    name: str
    trains: tuple[str, ...] = ("*",)
    noise: tuple[Tensor, ...] = ()
    every: int = 1
    optimizer: Optimizer | None = None

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Give the names of the parameters that it moves."""
        return [n for n in names if any(fnmatchcase(n, p) for p in self.trains)]

    def due(self, batches: int) -> bool:
        """Is it taken at this batch, counted from 1?"""
        return batches % self.every == 0


@dataclass(frozen=True, kw_only=True)
class Copy(Checked):
    """Parameters that follow others: target becomes keep target + (1 - keep) source.

    source, target: what the names begin with; `online.fc.weight` is copied to
        `target.fc.weight`. Before the first step the target is all source.
    every: it is copied after so many batches.
    keep: the share of the target that stays; 0 copies the source whole.
    """

    source: str
    target: str
    every: Size = 1
    keep: Rate = 0.0

    def pairs(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Each tensor that is copied, and the one that takes it."""
        begin = f"{self.source}."
        return [
            (name, f"{self.target}.{name.removeprefix(begin)}")
            for name in names
            if name.startswith(begin)
        ]


@dataclass(frozen=True, kw_only=True)
class Objective(Checked):
    """Base of all objectives. copies: the parameters that follow others."""

    copies: tuple[Copy, ...] = ()

    @property
    def judge(self) -> Loss | None:
        """The loss that is told of data that is not trained on; None where the
        objective has no such number."""
        return None

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        """The updates that a batch makes, in order."""
        raise NotImplementedError

    def judged(self, outputs: Arrays) -> Arrays:
        """The outputs of evaluation that the judge is given."""
        return outputs

    def judged_against(self, inputs: Arrays, targets: Arrays) -> Arrays:
        """Give what the judge holds them against."""
        return targets

    def share(self, part: Samples, whole: Samples) -> float:
        """What the mean over a part weighs in the mean over the whole batch."""
        return len(part) / len(whole)

    def wanted(self, spec: Subject, inputs: Arrays, seed: int) -> Arrays:
        """What the inputs are trained towards, drawn for a test."""
        return ()


def noise_of(spec: Subject) -> tuple[Tensor, ...]:
    """The inputs of `forward` that are drawn."""
    return tuple(tensor for tensor in spec.inputs() if tensor.drawn)

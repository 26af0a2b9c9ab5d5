"""What decides a training run, but data and model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from shared.definitions.optimizers import (
    SHARED,
    Clip,
    Ema,
    Optimizer,
    ScheduleFreeAdamW,
    SophiaG,
)
from shared.definitions.schedules import Constant, ReduceOnPlateau, Schedule
from shared.fields import Checked, Count, Index, NonNegative
from shared.objectives.base import Objective, Step


@dataclass(frozen=True, kw_only=True)
class Plan(Checked):
    """Holds all numbers of a run.

    plateau: lowers the learning rate when the validation loss falls no more.
    rates: a factor on the learning rate of the parameters that a shell pattern names;
        the first that fits holds, and 0 freezes them.
    ema: the model is evaluated and saved with the moving average of its parameters.
    accumulate: batches whose gradients are averaged for one update.
    patience: epochs without a better validation metric before the run stops; the best
        weights are then restored. None: it goes on to the end, and keeps the last.
    save_every: updates between checkpoints, besides one after each epoch; 0 for none.
    """

    objective: Objective
    optimizer: Optimizer
    rates: tuple[tuple[str, NonNegative], ...] = ()
    schedule: Schedule = field(default_factory=Constant)
    plateau: ReduceOnPlateau | None = None
    clip: Clip | None = None
    ema: Ema | None = None
    accumulate: Count = 1
    epochs: Count
    batch_size: Count
    seed: Index = 0
    patience: Count | None = None
    precision: Literal["float64", "float32", "bfloat16"] = "float32"
    save_every: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.accumulate > 1 and self.passes > 1:
            kind = type(self.optimizer).__name__
            self.refuse("accumulate", self.accumulate, f"1 with {kind}")
        if self.accumulate > 1 and self.rates:
            self.refuse("accumulate", self.accumulate, "1 with rates of groups")
        if self.rates and (
            SHARED in self.optimizer.keeps.values()
            or isinstance(self.optimizer, ScheduleFreeAdamW)
        ):
            kind = type(self.optimizer).__name__
            self.refuse("rates", self.rates, f"none with {kind}, which sets its own")
        if self.accumulate > 1 and self.ema:
            self.refuse("accumulate", self.accumulate, "1 with an average")
        if self.ema and isinstance(self.optimizer, ScheduleFreeAdamW):
            self.refuse(
                "ema", self.ema, "None with ScheduleFreeAdamW, which has its own"
            )
        if isinstance(self.optimizer, SophiaG):
            allowed = (
                "one that takes no second gradient, of labels drawn from the model"
            )
            self.refuse("optimizer", self.optimizer, allowed)
        if self.plateau and not isinstance(self.schedule, Constant):
            self.refuse("plateau", self.plateau, "None with a schedule")

    def optimizer_of(self, step: Step) -> Optimizer:
        return step.optimizer or self.optimizer

    def rate(self, name: str) -> float:
        """Give the factor on this parameter's learning rate."""
        fitting = (rate for pattern, rate in self.rates if fnmatchcase(name, pattern))
        return next(fitting, 1.0)

    def parts(self, step: Step, names: list[str]) -> dict[float, list[str]]:
        """Give the parameters that a step moves, by the factor on their learning
        rate."""
        found: dict[float, list[str]] = {}
        for name in step.chosen(names):
            if rate := self.rate(name):
                found.setdefault(rate, []).append(name)
        return found

    @property
    def passes(self) -> int:
        """How often each batch is differentiated, in a row."""
        return getattr(self.optimizer, "passes", 1)


@dataclass(frozen=True)
class Metric:
    """A number for what the model put out, next to what was wanted where something is;
    `higher` is better or not.

    program: which of the model's; empty for `forward`.
    takes: how many of its outputs `of` is given, the first first; wants: how many of
        what was wanted.
    """

    name: str
    of: Callable[..., float]
    higher: bool
    program: str = ""
    takes: int = 1
    wants: int = 1

    def better(self, one: float, other: float | None) -> bool:
        return other is None or (one > other if self.higher else one < other)

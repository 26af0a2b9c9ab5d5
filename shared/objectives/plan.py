"""What decides a training run, but data and model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.arrays import Array
from shared.data.batches import Samples
from shared.definitions.losses import Loss
from shared.definitions.optimizers import (
    Clip,
    Ema,
    Optimizer,
    ScheduleFreeAdamW,
    SophiaG,
)
from shared.definitions.schedules import Constant, ReduceOnPlateau, Schedule
from shared.fields import Checked, Index, NonNegative, Size


@dataclass(frozen=True, kw_only=True)
class Plan(Checked):
    """All numbers of a run.

    plateau: lowers the learning rate when the validation loss falls no more.
    heads: the weight of each output in the loss, in their order; those beyond have
        none. None: the loss takes all outputs together.
    ema: the model is evaluated and saved with the moving average of its parameters.
    accumulate: batches whose gradients are averaged for one update.
    patience: epochs without a better validation metric before the run stops; the best
        weights are then restored. None: it goes on to the end, and keeps the last.
    save_every: updates between checkpoints, besides one after each epoch; 0 for none.
    """

    loss: Loss
    heads: tuple[NonNegative, ...] | None = (1.0,)
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Constant)
    plateau: ReduceOnPlateau | None = None
    clip: Clip | None = None
    ema: Ema | None = None
    accumulate: Size = 1
    epochs: Size
    batch_size: Size
    seed: Index = 0
    patience: Size | None = None
    precision: Literal["float64", "float32", "bfloat16"] = "float32"
    save_every: Index = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.accumulate > 1 and self.passes > 1:
            kind = type(self.optimizer).__name__
            self.refuse("accumulate", self.accumulate, f"1 with {kind}")
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

    def objective(
        self, loss: Callable[..., Any], outputs: tuple[Any, ...], targets: Any
    ) -> Any:
        """A framework's loss of what the model put out, by heads."""
        if self.heads is None:
            return loss(*outputs, *targets)
        heads = zip(self.heads, outputs, strict=False)
        return sum(weight * loss(output, *targets) for weight, output in heads)

    def share(self, part: Samples, whole: Samples) -> float:
        """What the mean over a part weighs in the mean over the whole batch."""
        total = self.loss.counted(len(whole), whole.targets)
        return self.loss.counted(len(part), part.targets) / total if total else 0.0

    @property
    def passes(self) -> int:
        """How often each batch is differentiated, in a row."""
        return getattr(self.optimizer, "passes", 1)


@dataclass(frozen=True)
class Metric:
    """Of what the model put out and what was wanted; `higher` is better or not."""

    name: str
    of: Callable[[Array, Array], float]
    higher: bool

    def better(self, one: float, other: float | None) -> bool:
        return other is None or (one > other if self.higher else one < other)


def describe(plan: Plan) -> dict[str, Any]:
    """A plan as JSON can hold it, with the kinds of its parts."""

    def plain(value: Any) -> Any:
        if isinstance(value, Checked):
            fields = {k: plain(getattr(value, k)) for k in vars(value)}
            return {"kind": type(value).__name__, **fields}
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(getattr(plan, name)) for name in vars(plan)}

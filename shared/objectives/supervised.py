"""A loss of what `forward` puts out, in one step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.arrays import Array, Arrays
from shared.data.batches import Samples, laid_out
from shared.definitions.losses import BinaryCrossEntropy, CrossEntropy, Loss
from shared.fields import NonNegative
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.randomness import generator
from shared.tensors import rows_of, sample


@dataclass(frozen=True, kw_only=True)
class Supervised(Objective):
    """One loss judges all outputs, or each output with its weight.

    heads: the weight of each output in the loss, in their order; those beyond have
        none. None: the loss takes all outputs together.
    trains: shell patterns of the parameters that are trained; fine-tuning leaves the
        others as they are.
    """

    loss: Loss
    heads: tuple[NonNegative, ...] | None = (1.0,)
    trains: tuple[str, ...] = ("*",)

    @property
    def judge(self) -> Loss:
        return self.loss

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("supervised", self.trains, noise_of(spec)),)

    def of(
        self, loss: Callable[..., Any], outputs: tuple[Any, ...], targets: Any
    ) -> Any:
        """A framework's loss of what the model put out, by heads."""
        if self.heads is None:
            return loss(*outputs, *targets)
        heads = zip(self.heads, outputs, strict=False)
        return sum(weight * loss(output, *targets) for weight, output in heads)

    def judged(self, outputs: Arrays) -> Arrays:
        """Judge by the first head alone; the others are there in training only."""
        return outputs if self.heads is None else outputs[:1]

    def share(self, part: Samples, whole: Samples) -> float:
        """Weigh a part by what the loss counts, which need not be rows."""
        total = self.loss.counted(len(whole), laid_out(whole.targets))
        own = self.loss.counted(len(part), laid_out(part.targets))
        return own / total if total else 0.0

    def wanted(self, spec: Subject, inputs: Arrays, seed: int) -> Arrays:
        """Draw targets for losses of classes, of yes and no, and of numbers; a family
        with another says what its targets are."""
        tensor = spec.outputs(True)[0]
        rows = rows_of(tensor, spec.inputs(), inputs)
        draw = generator("target", 0, seed)
        if isinstance(self.loss, CrossEntropy):
            *places, classes = tensor.shape
            return (draw.integers(0, classes, (rows, *places)),)
        if isinstance(self.loss, BinaryCrossEntropy):
            return (draw.integers(0, 2, (rows, *tensor.shape)).astype(np.float64),)
        real: Array = sample(tensor, rows, 2000 + seed).astype(np.float64)
        return (real,)

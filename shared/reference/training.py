"""Training in NumPy: the step and the loop. Losses, optimizers and schedules are the
shared definitions themselves.

To train in another way, override `training_step` or `predict_step`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from shared import contract
from shared.arrays import Array, Arrays
from shared.contract import flat
from shared.data.batches import Samples
from shared.definitions.losses import EvidenceLowerBound
from shared.definitions.optimizers import accumulated, excluded
from shared.errors import UsageError
from shared.messages import Seen
from shared.objectives.base import Copy
from shared.objectives.evidence import Evidence
from shared.objectives.plan import Plan
from shared.objectives.supervised import Supervised

Gradients = dict[str, Array]
Losses = dict[str, float]
TRAINED = (Supervised, Evidence)


def supervised(
    s: Supervised, outputs: Arrays, targets: Arrays
) -> tuple[Losses, Arrays]:
    """Compute a loss of all outputs, or of each with its weight."""
    if s.heads is None:
        value = float(s.loss.value(outputs, targets))
        return {"loss": value}, s.loss.gradient(outputs, targets)
    total, gradients = 0.0, [np.zeros_like(output) for output in outputs]
    for k, (weight, output) in enumerate(zip(s.heads, outputs, strict=False)):
        total += weight * float(s.loss.value((output,), targets))
        gradients[k] = weight * s.loss.gradient((output,), targets)[0]
    return {"loss": total}, tuple(gradients)


def bounded(s: Evidence, outputs: Arrays, image: Arrays) -> tuple[Losses, Arrays]:
    """Compute the bound and its two terms."""
    bound = EvidenceLowerBound(likelihood=s.likelihood, beta=s.beta)
    losses = {
        "loss": bound.value(outputs, image),
        "reconstruction": bound.reconstruction(outputs, image),
        "divergence": bound.divergence(outputs),
    }
    told = {name: float(value) for name, value in losses.items()}
    return told, bound.gradient(outputs, image)


class Trainer(contract.Trainer):
    """Dropout draws from the seed, the layer's path and the number of the batch, so
    there is no generator whose state would have to be kept."""

    model: Any  # shared/reference/adapter.py: NumpyModel
    draws_alone = False

    def __init__(self, model: Any, plan: Plan):
        if plan.precision == "bfloat16":
            model.lower()
        if not isinstance(plan.objective, TRAINED):
            kind = type(plan.objective).__name__
            allowed = ", ".join(one.__name__ for one in TRAINED)
            raise UsageError(f"objective is {kind}; allowed with numpy: {allowed}")
        self.model, self.plan, self.objective = model, plan, plan.objective
        (self.step,) = self.steps
        slots = {k: s for k, s in model.slots().items() if s.trainable}
        self.parts = plan.parts(self.step, list(slots))
        moved = [name for names in self.parts.values() for name in names]
        self.parameters = {k: s.place for k, s in slots.items() if k in moved}
        self.excluded = excluded({name: slot.shape for name, slot in slots.items()})
        self.optimizer = plan.optimizer_of(self.step)
        self.state: dict[str, Array] = {}
        self.averages = self.values()
        self.pending: list[Gradients] = []
        self.factor = 1.0

    # What a batch goes through

    def training_step(self, inputs: Arrays, targets: Arrays) -> tuple[Losses, Arrays]:
        """The losses by name, of which the first is to be minimised, and its gradient
        with respect to each output."""
        outputs = flat(self.model.native(*inputs))
        outputs = tuple(output.astype(np.float64) for output in outputs)
        if isinstance(self.objective, Evidence):
            return bounded(self.objective, outputs, inputs[:1])
        return supervised(self.objective, outputs, targets)

    def predict_step(self, inputs: Arrays, program: str = "") -> Arrays:
        return flat(self.model.entry(program, self.model.native)(*inputs))

    # The loop

    def fit(self, run: Any) -> None:
        for _ in run.epochs():
            for batch in run.batches():
                run.after_batch(self.train(batch))
            run.after_epoch()

    def train(self, batch: Samples) -> Losses:
        losses, gradients = self.differentiate(batch, self.plan.seed, self.batches)
        self.descend(gradients)
        return losses

    def differentiate(
        self, batch: Samples, seed: int, number: int
    ) -> tuple[Losses, Gradients]:
        """Compute a batch's losses and the gradients of the first; what is random is
        drawn for its number."""
        self.model.set_mode(True, seed, number)
        for copy in self.objective.copies if self.batches == 0 else ():
            self.copy(copy, 0.0)
        inputs, targets = batch.arrays
        noise = contract.drawn(self.step, len(batch), seed, number)
        given = self.model.inputs((*inputs, *noise))
        losses, cotangents = self.training_step(given, targets)
        gradients, _ = self.model.backward(cotangents)
        return losses, {name: gradients[name] for name in self.parameters}

    def descend(self, gradients: Gradients) -> None:
        """Keep the gradients of a batch; update when there are enough."""
        self.pending.append(gradients)
        self.batches += 1
        if len(self.pending) == self.plan.accumulate:
            gs = accumulated(self.pending)
            self.pending = []
            if self.plan.clip is not None:
                gs = self.plan.clip(gs)
            self.update(gs)
            if self.plan.ema is not None:
                self.averages = self.plan.ema.update(self.averages, self.values())
        for copy in self.objective.copies:
            if self.batches % copy.every == 0:
                self.copy(copy, copy.keep)

    def copy(self, copy: Copy, keep: float) -> None:
        """Move parameters towards those that they follow."""
        places = {k: s.place for k, s in self.model.slots().items() if s.trainable}
        for source, target in copy.pairs(places):
            moved = keep * places[target].value + (1 - keep) * places[source].value
            places[target].value = moved.astype(self.model.dtype)

    def update(self, gs: Gradients) -> None:
        """Update each group of parameters at its own rate. What all tensors share,
        as a norm, is of all groups, so each update is asked of all and used for its
        own."""
        xs, state, lr = self.values(), self.state, self.lr
        for rate, names in self.parts.items():
            given = xs, gs, state, rate * lr, self.excluded
            new_xs, new_state = self.optimizer.update(*given)
            own = [k for k in new_state if k.partition("/")[2] in ("", *names)]
            self.state = self.state | {k: new_state[k] for k in own}
            for name in names:
                self.parameters[name].value = new_xs[name].astype(self.model.dtype)

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        done = int(self.state["t"]) if self.state else 0
        schedule = self.plan.schedule.factor(done // self.plan.passes)
        return self.optimizer.lr * self.factor * schedule

    def predict(self, inputs: Arrays, program: str = "") -> Arrays:
        self.model.set_mode(training=False)
        return self.predict_step(self.model.inputs(inputs), program)

    def observe(self, batch: Samples, seed: int, step: int) -> Seen:
        losses, gradients = self.differentiate(batch, seed, step)
        self.descend(gradients)
        return Seen(losses, gradients, self.weights())

    def values(self) -> dict[str, Array]:
        return {name: parameter.value for name, parameter in self.parameters.items()}

    def set_values(self, values: dict[str, Array]) -> None:
        for name, parameter in self.parameters.items():
            parameter.value = values[name].astype(self.model.dtype)

    # What a checkpoint holds

    def weights(self) -> dict[str, Array]:
        return {name: value.copy() for name, value in self.model.dump().items()}

    def set_weights(self, values: dict[str, Array]) -> None:
        self.model.load(values)

    def scale(self, factor: float) -> None:
        self.factor = factor

    def optimizer_state(self) -> dict[str, Array]:
        found = dict(self.state) or {"t": np.array(0)}
        if self.plan.ema is not None:
            found |= {f"ema/{name}": a for name, a in self.averages.items()}
        return found

    def set_optimizer_state(self, state: dict[str, Array]) -> None:
        own = {k: v for k, v in state.items() if not k.startswith("ema/")}
        self.state = own if int(own["t"]) else {}
        self.pending = []
        if self.plan.ema is not None:
            self.averages = {name: state[f"ema/{name}"] for name in self.parameters}

    def random_state(self) -> dict[str, Array]:
        return {}

    def set_random_state(self, state: dict[str, Array]) -> None:
        """There is none: `batches` says what is drawn next."""

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        own = self.values()
        if self.plan.ema is not None:
            self.set_values(self.averages)
        elif self.state:
            self.set_values(self.optimizer.evaluated(own, self.state))
        try:
            yield
        finally:
            self.set_values(own)

    # Among several processes, of which there is one

    def gather(self, value: Array) -> Array:
        return value[None]

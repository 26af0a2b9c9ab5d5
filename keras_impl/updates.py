"""One step of an objective in Keras: its variables, optimizers and update."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl import backends, definitions, distributed
from keras_impl.objectives import losses_of
from shared.arrays import Array
from shared.definitions.optimizers import excluded
from shared.objectives.base import Step
from shared.objectives.plan import Plan
from shared.tensors import NORMAL

Tensors = tuple[Any, ...]


class Update:
    """What a step moves, and with which optimizers: one for each learning rate."""

    def __init__(
        self,
        step: Step,
        plan: Plan,
        variables: dict[str, keras.Variable],
        shapes: dict[str, tuple[int, ...]],
    ):
        self.step, self.plan = step, plan
        parts = plan.parts(step, list(variables))
        self.parts = [{n: variables[n] for n in names} for names in parts.values()]
        self.variables = {n: v for part in self.parts for n, v in part.items()}
        self.whole = len(self.variables) == len(variables)
        options: dict[str, Any] = {}
        if len(self.parts) == 1:
            options = definitions.clipping(plan.clip)
        self.clipper = keras.optimizers.SGD(**definitions.clipping(plan.clip))
        if plan.accumulate > 1:
            options["gradient_accumulation_steps"] = plan.accumulate
        if plan.ema is not None:
            options |= {"use_ema": True, "ema_momentum": plan.ema.decay}
        # A rate that a plateau will lower is a variable, a schedule is compiled in.
        scheduled = None if plan.plateau else plan.schedule
        still = excluded(shapes)
        self.rates = [plan.optimizer_of(step).lr * rate for rate in parts]
        self.optimizers = [
            definitions.optimizer(
                replace(plan.optimizer_of(step), lr=lr),
                part,
                frozenset(still & part.keys()),
                scheduled,
                **options,
            )
            for lr, part in zip(self.rates, self.parts, strict=True)
        ]
        for optimizer in self.optimizers:
            distributed.replicated(optimizer)

    def differentiate(
        self,
        model: keras.Model,
        fixed: Sequence[keras.Variable],
        inputs: Tensors,
        targets: Tensors,
        noise: Tensors,
        share: Any,
    ) -> tuple[dict[str, KerasTensor], dict[str, Any]]:
        """Give the losses by name, and the gradients of the first."""
        losses = losses_of(self.plan.objective, self.step)
        names: list[str] = []

        def call(_: list[Any]) -> tuple[Any, ...]:
            found = losses(self.plan.objective, model, inputs, targets, noise)
            names[:] = found
            return tuple(loss * ops.cast(share, loss.dtype) for loss in found.values())

        differentiate = backends.gradient
        variables = list(self.variables.values())
        outputs, gradients, _ = differentiate(call, [], variables, fixed, None)
        told = dict(zip(names, outputs, strict=True))
        return told, dict(zip(self.variables, gradients, strict=True))

    def apply(self, gradients: dict[str, Any]) -> None:
        """Move the variables."""
        if len(self.parts) > 1:
            clipped = self.clipper._clip_gradients(list(gradients.values()))
            gradients = dict(zip(gradients, clipped, strict=True))
        for optimizer, part in zip(self.optimizers, self.parts, strict=True):
            optimizer.apply([gradients[n] for n in part], list(part.values()))

    def noise(self, rows: int, seed: keras.random.SeedGenerator) -> Tensors:
        """Draw the noise of the step by Keras's own generator."""
        found = []
        for noise in self.step.noise:
            shape = (rows, *noise.native(channels_last=True))
            if noise.below is not None:
                drawn = keras.random.randint(shape, 0, noise.below, "int64", seed=seed)
            elif noise.drawn == NORMAL:
                drawn = keras.random.normal(shape, seed=seed)
            else:
                drawn = keras.random.uniform(shape, seed=seed)
            found.append(drawn)
        return tuple(found)

    def scale(self, factor: float) -> None:
        for optimizer, lr in zip(self.optimizers, self.rates, strict=True):
            optimizer.learning_rate = lr * factor

    def state(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for optimizer, part in zip(self.optimizers, self.parts, strict=True):
            found |= definitions.state(optimizer, part)
        return found

    def set_state(self, state: dict[str, Array]) -> None:
        for optimizer, part in zip(self.optimizers, self.parts, strict=True):
            definitions.set_state(optimizer, part, state)

    def averages(self) -> dict[str, keras.Variable]:
        """The moving averages of what it moves, where the plan has them."""
        found: dict[str, keras.Variable] = {}
        if self.plan.ema is not None:
            for optimizer, part in zip(self.optimizers, self.parts, strict=True):
                held = optimizer._model_variables_moving_average
                found |= dict(zip(part, held, strict=True))
        return found

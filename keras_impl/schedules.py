"""The learning-rate schedules in Keras. Definitions, papers: shared/schedules.py.

A schedule gives the factor of update t; `Scheduled` multiplies a learning rate by it.
One file to lift: it needs nothing of this suite.
"""

import math
from typing import Any

import keras
from keras import KerasTensor, ops


class _Factor(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule with a learning rate of 1; its settings are attributes."""

    def __init__(self, **settings: Any):
        for name, value in settings.items():
            setattr(self, name, value)
        self.settings = tuple(settings)

    def __call__(self, step: Any) -> KerasTensor:
        # DIFF(keras-schedules): Keras computes its own in float32.
        return self.factor(ops.cast(step, keras.config.floatx()))

    def factor(self, t: KerasTensor) -> KerasTensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.settings}


class Scheduled(_Factor):
    def __init__(self, learning_rate: float, schedule: _Factor):
        super().__init__(learning_rate=learning_rate, schedule=schedule)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return self.learning_rate * self.schedule.factor(t)


class Constant(_Factor):
    def factor(self, t: KerasTensor) -> KerasTensor:
        return ops.ones_like(t)


class Cosine(_Factor):
    def __init__(self, *, steps: int, final: float = 0.0):
        super().__init__(steps=steps, final=final)

    def factor(self, t: KerasTensor) -> KerasTensor:
        done = ops.minimum(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 + ops.cos(math.pi * done)) / 2


class Warmup(_Factor):
    def __init__(self, *, steps: int, then: _Factor):
        super().__init__(steps=steps, then=then)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return ops.where(
            t < self.steps,
            (t + 1) / (self.steps + 1),
            self.then.factor(ops.maximum(t - self.steps, 0.0)),
        )

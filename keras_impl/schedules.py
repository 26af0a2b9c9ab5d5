"""The learning-rate schedules in Keras.
Definitions, papers: shared/definitions/schedules.py.

A schedule gives the factor of update t; `Scheduled` multiplies a learning rate by it.
One file to lift: it needs nothing of this suite.
"""

import math
from itertools import pairwise
from typing import Any, Self

import keras
from keras import KerasTensor, ops

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "steps": (1, math.inf),
    "every": (1, math.inf),
    "period": (1, math.inf),
    "growth": (1, math.inf),
    "leg": (1, math.inf),
    "warmup": (1, math.inf),
    "patience": (0, math.inf),
    "cooldown": (0, math.inf),
    "threshold": (0.0, 1.0),
    "gamma": (5e-324, 1.0 + 2**-52),
    "power": (5e-324, math.inf),
    "start": (0.0, 1.0 + 2**-52),
    "final": (0.0, 1.0 + 2**-52),
    "lowest": (0.0, 1.0 + 2**-52),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
    at = settings.get("at", ())
    if any(b <= a for a, b in pairwise((0, *at))):
        raise ValueError(f"{kind}: at is {at!r}; allowed: rising numbers above 0")
    if "leg" in settings and 2 * settings["leg"] >= settings["steps"]:
        raise ValueError(
            f"{kind}: leg is {settings['leg']!r}; allowed: below half of steps"
        )


class _Factor(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule with a learning rate of 1; its settings are attributes."""

    def __init_subclass__(cls, **options: Any):
        """Known to Keras, so that a saved optimizer can be read again."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("triptych")(cls)

    def __init__(self, **settings: Any):
        _check(type(self).__name__, settings)
        for name, value in settings.items():
            setattr(self, name, value)
        self.settings = tuple(settings)

    def __call__(self, step: Any) -> KerasTensor:
        # DIFF(keras-schedules): Keras computes its own in float32.
        return self.factor(ops.cast(step, keras.config.floatx()))

    def factor(self, t: KerasTensor) -> KerasTensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.settings}
        serialize = keras.saving.serialize_keras_object
        return {
            name: serialize(value) if isinstance(value, _Factor) else value
            for name, value in values.items()
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        deserialize = keras.saving.deserialize_keras_object
        return cls(
            **{
                name: deserialize(value) if isinstance(value, dict) else value
                for name, value in config.items()
            }
        )


class Scheduled(_Factor):
    def __init__(self, learning_rate: float, schedule: _Factor):
        super().__init__(learning_rate=learning_rate, schedule=schedule)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return self.learning_rate * self.schedule.factor(t)


class Constant(_Factor):
    def factor(self, t: KerasTensor) -> KerasTensor:
        return ops.ones_like(t)


# In steps


class Step(_Factor):
    def __init__(self, *, every: int, gamma: float = 0.1):
        super().__init__(every=every, gamma=gamma)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return self.gamma ** ops.floor(t / self.every)


class MultiStep(_Factor):
    def __init__(self, *, at: tuple[int, ...], gamma: float = 0.1):
        super().__init__(at=tuple(at), gamma=gamma)

    def factor(self, t: KerasTensor) -> KerasTensor:
        passed = sum(ops.cast(t >= start, t.dtype) for start in self.at)
        return self.gamma ** (0.0 * t + passed)


# In curves


class Exponential(_Factor):
    def __init__(self, *, gamma: float):
        super().__init__(gamma=gamma)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return self.gamma**t


class Polynomial(_Factor):
    def __init__(self, *, steps: int, power: float = 1.0, final: float = 0.0):
        super().__init__(steps=steps, power=power, final=final)

    def factor(self, t: KerasTensor) -> KerasTensor:
        done = ops.minimum(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 - done) ** self.power


class Cosine(_Factor):
    def __init__(self, *, steps: int, final: float = 0.0):
        super().__init__(steps=steps, final=final)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return _cosine(ops.minimum(t / self.steps, 1.0), self.final)


class WarmRestarts(_Factor):
    def __init__(self, *, period: int, growth: int = 1, final: float = 0.0):
        super().__init__(period=period, growth=growth, final=final)

    def factor(self, t: KerasTensor) -> KerasTensor:
        if self.growth == 1:
            return _cosine(ops.mod(t, self.period) / self.period, self.final)
        # Round by round, as far as a counter can count.
        start, length = 0.0 * t, 0.0 * t + self.period
        last, rows = 0, self.period
        while last + rows < 2**31:
            last, rows = last + rows, rows * self.growth
            start = ops.where(t >= last, float(last), start)
            length = ops.where(t >= last, float(rows), length)
        return _cosine((t - start) / length, self.final)


class OneCycle(_Factor):
    # DIFF(one-cycle): libraries have cosines, or legs of other lengths, unless told.
    def __init__(
        self, *, steps: int, leg: int, start: float = 0.1, final: float = 1e-3
    ):
        super().__init__(steps=steps, leg=leg, start=start, final=final)

    def factor(self, t: KerasTensor) -> KerasTensor:
        height = 1 - ops.abs(t - self.leg) / self.leg
        done = (t - 2 * self.leg) / (self.steps - 2 * self.leg)
        return ops.where(
            t < 2 * self.leg,
            self.start + (1 - self.start) * height,
            self.start + (self.final - self.start) * ops.minimum(done, 1.0),
        )


class InverseSqrt(_Factor):
    def __init__(self, *, warmup: int):
        super().__init__(warmup=warmup)

    def factor(self, t: KerasTensor) -> KerasTensor:
        step = t + 1
        return ops.minimum(ops.sqrt(self.warmup / step), step / self.warmup)


def _cosine(done: KerasTensor, final: float) -> KerasTensor:
    return final + (1 - final) * (1 + ops.cos(math.pi * done)) / 2


# Before another


class Warmup(_Factor):
    def __init__(self, *, steps: int, then: _Factor | None = None):
        super().__init__(steps=steps, then=Constant() if then is None else then)

    def factor(self, t: KerasTensor) -> KerasTensor:
        return ops.where(
            t < self.steps,
            (t + 1) / (self.steps + 1),
            self.then.factor(ops.maximum(t - self.steps, 0.0)),
        )


# After a metric


class ReduceOnPlateau(keras.callbacks.Callback):
    """Observes `monitor` at the end of every epoch; `state` is all there is to keep."""

    # DIFF(plateau): Keras's own waits one observation less, for an absolute gain.

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        gamma: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        lowest: float = 0.0,
    ):
        settings = {k: v for k, v in locals().items() if k in _ALLOWED}
        _check(type(self).__name__, settings)
        super().__init__()
        self.monitor, self.gamma, self.patience = monitor, gamma, patience
        self.threshold, self.cooldown, self.lowest = threshold, cooldown, lowest
        self.factor, self.best, self.waited, self.cooling = 1.0, math.inf, 0, 0
        self.base = math.nan

    def observe(self, value: float) -> float:
        """Give the factor from here on."""
        margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        better = value < self.best - margin
        if better:
            self.best = value
        self.waited = 0 if better or self.cooling else self.waited + 1
        self.cooling = max(self.cooling - 1, 0)
        if self.waited > self.patience:
            lowered = max(self.factor * self.gamma, self.lowest)
            self.factor = min(self.factor, lowered)
            self.waited, self.cooling = 0, self.cooldown
        return self.factor

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if math.isnan(self.base):
            rate = self.model.optimizer.learning_rate
            self.base = float(ops.convert_to_numpy(rate))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.monitor not in (logs or {}):
            raise ValueError(f"ReduceOnPlateau: {self.monitor!r} is not in {logs}")
        factor = self.observe(float((logs or {})[self.monitor]))
        self.model.optimizer.learning_rate = self.base * factor

    @property
    def state(self) -> dict[str, Any]:
        names = ("factor", "best", "waited", "cooling", "base")
        return {name: getattr(self, name) for name in names}

    @state.setter
    def state(self, kept: dict[str, Any]) -> None:
        for name, value in kept.items():
            setattr(self, name, value)

"""The definitions of losses of numbers."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.losses.base import Loss, mean
from shared.fields import Positive


@dataclass(frozen=True, kw_only=True)
class MSE(Loss):
    """The mean of (y - target)^2, which some halve and this does not."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return mean(np.square(y - target))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (2 * (y - target) / max(y.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MAE(Loss):
    """mean |y - target|."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return mean(np.abs(y - target))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (np.sign(y - target) / max(y.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MBE(Loss):
    """The mean of y - target tells the bias: it is above 0 where the model says too
    much. It falls without end as y falls, so nothing can be trained by it alone."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return mean(y - target)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,) = outputs
        return (np.full_like(y, 1 / max(y.size, 1)),)


@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    """Huber 1964 (https://doi.org/10.1214/aoms/1177703732): half the square up to
    delta, straight beyond."""

    delta: Positive = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        d = np.abs(y - target)
        beyond = self.delta * (d - self.delta / 2)
        return mean(np.where(d <= self.delta, np.square(d) / 2, beyond))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (np.clip(y - target, -self.delta, self.delta) / max(y.size, 1),)

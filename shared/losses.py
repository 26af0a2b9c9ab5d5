"""The losses. `value` and `gradient`, in NumPy, ARE the definition; every `*_impl` is
held against both.

A loss takes what the model put out, one array or more, and what was wanted, one array
or more; it is a mean over what counts, and 0 where nothing does. `gradient` has one
array for each the model put out.
"""

from dataclasses import dataclass

import numpy as np

from shared.errors import unknown
from shared.fields import Checked, Rate
from shared.weights import Array

Arrays = tuple[Array, ...]


@dataclass(frozen=True, kw_only=True)
class Loss(Checked):
    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        raise NotImplementedError

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class MSE(Loss):
    """mean (y - target)^2; without a half."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return np.square(y - target).sum() / max(y.size, 1)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (2 * (y - target) / max(y.size, 1),)


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """-log softmax(z)[target], z: [..., classes] logits, target: [...] whole numbers.

    label_smoothing: that share of the target is spread over all classes (Szegedy et
        al. 2016, arXiv:1512.00567, section 7).
    ignore: targets of this value do not count.
    """

    label_smoothing: Rate = 0.0
    ignore: int | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        wanted, share = self._wanted(z, target)
        return -(share * wanted * _log_softmax(z)).sum()

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        wanted, share = self._wanted(z, target)
        return (share * (np.exp(_log_softmax(z)) - wanted),)

    def _wanted(self, z: Array, target: Array) -> Arrays:
        """The wanted probabilities, and each position's share of the mean."""
        counts = target != self.ignore if self.ignore is not None else target == target
        safe = np.where(counts, target, 0)
        classes = z.shape[-1]
        spread = self.label_smoothing / classes
        wanted = (1 - self.label_smoothing) * np.eye(classes)[safe] + spread
        return wanted, (counts / max(counts.sum(), 1))[..., None]


def _log_softmax(z: Array) -> Array:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


LOSSES: dict[str, Loss] = {
    "mse": MSE(),
    "cross_entropy": CrossEntropy(),
    "cross_entropy_smooth": CrossEntropy(label_smoothing=0.1, ignore=-100),
}


def loss(name: str) -> Loss:
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]

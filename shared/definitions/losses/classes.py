"""The definitions of losses of classes."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.losses.base import (
    Loss,
    chosen_of,
    log_softmax,
    mean,
    share_of,
    sigmoid,
    softplus,
    weight_of,
)
from shared.definitions.schedules import Share
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """-log softmax(z)[target], target: [...] whole numbers.

    label_smoothing: that share of the target is spread over all classes (Szegedy et
        al. 2016, arXiv:1512.00567, section 7).
    class_weights: one a class; the mean is over the targets' weights. Of what label
        smoothing spreads, each class has its own weight, as in torch.
    ignore: targets of this value do not count.
    """

    label_smoothing: Rate = 0.0
    class_weights: tuple[NonNegative, ...] | None = None
    ignore: int | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return -(self._wanted(z, target) * log_softmax(z)).sum()

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        wanted = self._wanted(z, target)
        return (wanted.sum(-1, keepdims=True) * np.exp(log_softmax(z)) - wanted,)

    def counted(self, rows: int, targets: Arrays) -> float:
        return weight_of(targets[0], self.class_weights, self.ignore)

    def _wanted(self, z: Array, target: Array) -> Array:
        """What each class is wanted, times the position's share of the mean."""
        chosen, weights, share = chosen_of(z, target, self.class_weights, self.ignore)
        spread = self.label_smoothing / z.shape[-1]
        return share * weights * ((1 - self.label_smoothing) * chosen + spread)


@dataclass(frozen=True, kw_only=True)
class NLL(Loss):
    """-log_p[target]: the same after log softmax. log_p: [..., classes]."""

    class_weights: tuple[NonNegative, ...] | None = None
    ignore: int | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (log_p,), (target,) = outputs, targets
        of_chosen = np.where(self._wanted(log_p, target) > 0, log_p, 0.0)
        return -(self._wanted(log_p, target) * of_chosen).sum()

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (log_p,), (target,) = outputs, targets
        return (-self._wanted(log_p, target),)

    def counted(self, rows: int, targets: Arrays) -> float:
        return weight_of(targets[0], self.class_weights, self.ignore)

    def _wanted(self, log_p: Array, target: Array) -> Array:
        chosen, weights, share = chosen_of(
            log_p, target, self.class_weights, self.ignore
        )
        return share * weights * chosen


@dataclass(frozen=True, kw_only=True)
class DenseCrossEntropy(Loss):
    """-sum target * log softmax(z), target: [..., classes] probabilities."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return mean(-(target * log_softmax(z)).sum(-1))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        p = np.exp(log_softmax(z))
        return ((target.sum(-1, keepdims=True) * p - target) * share_of(z),)


@dataclass(frozen=True, kw_only=True)
class KL(Loss):
    """sum target * (log target - log softmax(z)), target: [..., classes] probabilities
    (Kullback, Leibler 1951). Of logits, as the others here; mean over positions."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        log_target = np.log(np.where(target > 0, target, 1.0))
        return mean((target * (log_target - log_softmax(z))).sum(-1))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        return DenseCrossEntropy().gradient(outputs, targets)


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    """-target * log sigmoid(z) - (1 - target) * log sigmoid(-z), for one label or many;
    mean over all of them.

    pos_weight: what the first term is multiplied by, one a label (z: [..., labels]), or
        one for all.
    """

    pos_weight: tuple[NonNegative, ...] | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        positive = self._weight() * target * softplus(-z)
        return mean(positive + (1 - target) * softplus(z))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        positive = self._weight() * target * sigmoid(-z)
        return (((1 - target) * sigmoid(z) - positive) / max(z.size, 1),)

    def _weight(self) -> Array:
        return np.array(1.0 if self.pos_weight is None else self.pos_weight)


@dataclass(frozen=True, kw_only=True)
class Focal(Loss):
    """Lin et al. 2017 (arXiv:1708.02002), equation 5, of one logit each, target 0 or 1:
    -alpha_t (1 - p_t)^gamma log p_t. Mean over all; the paper divides by the anchors
    that have an object."""

    gamma: NonNegative = 2.0
    alpha: Share | None = 0.25

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        s, _, alpha = self._turned(outputs, targets)
        return mean(alpha * np.exp(-self.gamma * softplus(s)) * softplus(-s))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        s, sign, alpha = self._turned(outputs, targets)
        slope = self.gamma * sigmoid(s) * softplus(-s) + sigmoid(-s)
        weight = alpha * np.exp(-self.gamma * softplus(s))
        return (-sign * weight * slope / max(s.size, 1),)

    def _turned(self, outputs: Arrays, targets: Arrays) -> Arrays:
        """s, for which p_t is its sigmoid; its sign; alpha_t."""
        (z,), (target,) = outputs, targets
        sign = 2 * target - 1
        alpha = 0.5 if self.alpha is None else self.alpha
        scale = 2 if self.alpha is None else 1
        return z * sign, sign, scale * np.where(target > 0, alpha, 1 - alpha)


@dataclass(frozen=True, kw_only=True)
class Hinge(Loss):
    """max(0, 1 - target * z), target +1 or -1 (Cortes, Vapnik 1995)."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return mean(np.maximum(1 - target * z, 0))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        return (-target * (1 - target * z > 0) / max(z.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MulticlassHinge(Loss):
    """sum over j != target of max(0, margin - z[target] + z[j]), over the number of
    classes (Weston, Watkins 1999, divided as in torch; Crammer and Singer take the
    largest instead). target: [...] whole numbers."""

    margin: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return mean(np.maximum(self._over(z, target), 0).sum(-1) / z.shape[-1])

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        pushed = (self._over(z, target) > 0).astype(z.dtype)
        chosen = np.eye(z.shape[-1])[target]
        return ((pushed - chosen * pushed.sum(-1, keepdims=True)) * self._each(z),)

    def _over(self, z: Array, target: Array) -> Array:
        own = np.take_along_axis(z, target[..., None], -1)
        return np.where(np.eye(z.shape[-1])[target], 0.0, self.margin - own + z)

    def _each(self, z: Array) -> float:
        return share_of(z) / z.shape[-1]

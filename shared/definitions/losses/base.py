"""What the definitions of losses share.

A loss takes what the model put out, one array or more, and what was wanted, one array
or more; it is a mean over what counts, and 0 where nothing does. `gradient` has one
array for each the model put out; at a kink it is 0, as torch has it.

z are logits, [..., classes] or [...]; y and target have equal shapes unless said.
"""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Arrays
from shared.fields import Checked


@dataclass(frozen=True, kw_only=True)
class Loss(Checked):
    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        raise NotImplementedError

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        raise NotImplementedError

    def counted(self, rows: int, targets: Arrays) -> float:
        """What the mean over these rows is divided by, up to a factor that is the same
        for all rows: by it the losses of parts make up that of the whole."""
        return float(rows)


def mean(each: Array) -> Array:
    return each.sum() / max(each.size, 1)


def share_of(a: Array) -> float:
    """Give the share of one position in the mean over all but the last axis."""
    return 1 / max(a[..., 0].size, 1)


def weight_of(
    target: Array, weights: tuple[float, ...] | None, ignore: int | None
) -> float:
    """Add up the weights of all targets that count."""
    target = target[target != ignore] if ignore is not None else target
    return float(target.size if weights is None else np.array(weights)[target].sum())


def chosen_of(
    z: Array, target: Array, weights: tuple[float, ...] | None, ignore: int | None
) -> Arrays:
    """Give an array with 1 at the target, each class's weight, and each position's
    share of the mean."""
    classes = z.shape[-1]
    of_class = np.ones(classes) if weights is None else np.array(weights)
    counts = np.full(target.shape, True) if ignore is None else target != ignore
    safe = np.where(counts, target, 0)
    total = weight_of(target, weights, ignore)
    share = counts[..., None] / (total if total > 0 else 1.0)
    return np.eye(classes)[safe], of_class, share


def log_softmax(z: Array) -> Array:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def softplus(z: Array) -> Array:
    return np.logaddexp(z, 0)


def sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(-z, 0))


def norms(a: Array) -> Array:
    return np.sqrt(np.square(a).sum(-1, keepdims=True))


def inverse(norm: Array) -> Array:
    return np.where(norm > 0, 1 / np.where(norm > 0, norm, 1), 0)


def unit(a: Array) -> Array:
    return a * inverse(norms(a))

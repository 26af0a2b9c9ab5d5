"""The definitions of losses of distances; the model puts out [n, features] each."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.losses.base import Loss, inverse, mean, norms, share_of, unit
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Contrastive(Loss):
    """Hadsell, Chopra, LeCun 2006 (https://doi.org/10.1109/CVPR.2006.100), equation 4,
    of two outputs at distance D: target 0 where they are alike, D^2 / 2, and 1 where
    they are not, max(0, margin - D)^2 / 2. Where D is 0 the gradient is taken as 0."""

    margin: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (a, b), (target,) = outputs, targets
        d = norms(a - b)[..., 0]
        apart = np.square(np.maximum(self.margin - d, 0))
        return mean(((1 - target) * np.square(d) + target * apart) / 2)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (a, b), (target,) = outputs, targets
        d, target = norms(a - b), target[..., None]
        pushed = np.maximum(self.margin - d, 0) * unit(a - b)
        g = ((1 - target) * (a - b) - target * pushed) * share_of(a)
        return g, -g


@dataclass(frozen=True, kw_only=True)
class Triplet(Loss):
    """Schroff, Kalenichenko, Philbin 2015 (FaceNet, arXiv:1503.03832), equation 3: an
    anchor, one alike and one other; nothing is wanted besides. Squared distances, as in
    the paper, or with squared=False the distances, as in torch. The paper's lie on the
    unit sphere; that is the model's business."""

    margin: NonNegative = 0.2
    squared: bool = True

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        return mean(np.maximum(self._over(*outputs)[..., 0], 0))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        a, p, n = outputs
        pushed = (self._over(a, p, n) > 0) * share_of(a)
        of_p = pushed * (2 * (a - p) if self.squared else unit(a - p))
        of_n = pushed * (2 * (a - n) if self.squared else unit(a - n))
        return of_p - of_n, -of_p, of_n

    def _over(self, a: Array, p: Array, n: Array) -> Array:
        near, far = norms(a - p), norms(a - n)
        if self.squared:
            near, far = np.square(near), np.square(far)
        return near - far + self.margin


@dataclass(frozen=True, kw_only=True)
class CosineEmbedding(Loss):
    """1 - cos(a, b) where target is +1, max(0, cos(a, b) - margin) where it is -1. The
    cosine with 0 is 0, and so is its gradient. Without a paper; it is torch's."""

    margin: Rate = 0.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (a, b), (target,) = outputs, targets
        cos = (unit(a) * unit(b)).sum(-1)
        return mean(np.where(target > 0, 1 - cos, np.maximum(cos - self.margin, 0)))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (a, b), (target,) = outputs, targets
        u, v = unit(a), unit(b)
        cos = (u * v).sum(-1, keepdims=True)
        slope = np.where(target[..., None] > 0, -1.0, cos > self.margin) * share_of(a)
        of_a = slope * (v - cos * u) * inverse(norms(a))
        return of_a, slope * (u - cos * v) * inverse(norms(b))

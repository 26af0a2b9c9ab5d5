"""The definitions of what bounds the gradients before an update."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.fields import Checked, NonNegative


@dataclass(frozen=True, kw_only=True)
class Clip(Checked):
    """Bound the gradients: each value, each tensor's norm, or the norm of them all
    (Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1)."""

    limit: NonNegative

    def __call__(self, gs: Weights) -> dict[str, Array]:
        raise NotImplementedError


class ClipByValue(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        return {k: np.clip(g, -self.limit, self.limit) for k, g in gs.items()}


class ClipByNorm(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        return {k: g * _shrink(np.sum(g**2), self.limit) for k, g in gs.items()}


class ClipByGlobalNorm(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        shrink = _shrink(sum(np.sum(g**2) for g in gs.values()), self.limit)
        return {k: g * shrink for k, g in gs.items()}


def _shrink(squares: Array, limit: float) -> Array:
    norm = np.sqrt(squares)
    return np.where(norm > limit, limit / np.maximum(norm, limit), 1.0)

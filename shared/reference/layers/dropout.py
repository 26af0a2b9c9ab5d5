"""Dropout."""

from shared.arrays import Array
from shared.reference.module import Random


class Dropout(Random):
    """In training y = x m / (1 - rate) with m drawn, 1 or 0, so y' = m / (1 - rate)."""

    def __init__(self, rate: float):
        self.rate = rate

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        keep = self.draws.keep(x.shape, self.rate)
        self.mask = keep.astype(x.dtype) / (1 - self.rate)
        return x * self.mask

    def backward(self, g: Array) -> Array:
        return g * self.mask if self.training else g

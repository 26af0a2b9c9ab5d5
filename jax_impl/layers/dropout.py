"""Dropout of values and of whole branches, whose masks the suite may draw."""

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from shared.randomness import Draws


class Dropout(nnx.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def __call__(self, x: Array) -> Array:
        if self.draws is None or self.deterministic:
            return super().__call__(x)
        keep = self.mask(self.draws, x.shape)
        return x * jnp.asarray(keep, x.dtype) / (1 - self.rate)

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        return draws.keep(shape, self.rate)


class MapDropout(Dropout):
    """Dropout of values in maps. DIFF(randomness): the suite's mask is drawn
    channels first."""

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        batch, *size, channels = shape
        return np.moveaxis(super().mask(draws, (batch, channels, *size)), 1, -1)


class DropPath(Dropout):
    """What a branch adds to a sample, all of it kept or dropped (Huang et al. 2016,
    arXiv:1603.09382)."""

    def __call__(self, x: Array) -> Array:
        if self.deterministic or self.rate == 0:
            return x
        kept = super().__call__(jnp.ones(len(x), x.dtype))
        return x * kept.reshape(-1, *(1,) * (x.ndim - 1))

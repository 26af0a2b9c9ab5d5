"""Dropout of values and of whole branches, whose masks the suite may draw."""

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from shared.randomness import Draws

known = keras.saving.register_keras_serializable("triptych")


@known
class Dropout(layers.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if self.draws is None or not training:
            return super().call(x, training=training)
        keep = self.mask(self.draws, tuple(x.shape))
        return x * ops.cast(keep, x.dtype) / (1 - self.rate)

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        return draws.keep(shape, self.rate)


@known
class MapDropout(Dropout):
    """Dropout of values in maps. DIFF(randomness): the suite's mask is drawn
    channels first."""

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        batch, *size, channels = shape
        return np.moveaxis(super().mask(draws, (batch, channels, *size)), 1, -1)


@known
class DropPath(Dropout):
    """What a branch adds to a sample, all of it kept or dropped (Huang et al. 2016,
    arXiv:1603.09382)."""

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training or self.rate == 0:
            return x
        ones = ops.ones_like(x[(slice(None), *(0,) * (len(x.shape) - 1))])
        kept = super().call(ones, training=True)
        return x * ops.reshape(kept, (-1, *(1,) * (len(x.shape) - 1)))

"""Squeeze and excitation (Hu et al. 2017, arXiv:1709.01507)."""

from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl.layers.activation import ACTIVATIONS
from keras_impl.layers.convolution import Conv2D
from keras_impl.layers.saved import Saved
from shared.specs.base import SqueezeSpec


class SqueezeExcitation(Saved, keras.Layer):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec, *, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.s = s
        self.fc1, self.fc2 = (Conv2D(c, dtype=dtype) for c in s.convs)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.fc1(ops.mean(x, (1, 2), keepdims=True))  # [B, 1, 1, squeezed]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)

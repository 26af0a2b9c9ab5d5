"""Squeeze and excitation (Hu et al. 2017, arXiv:1709.01507)."""

import keras
from keras import KerasTensor, ops

from keras_impl.layers.activation import ACTIVATIONS
from keras_impl.layers.convolution import conv
from shared.specs.base import SqueezeSpec


class SqueezeExcitation(keras.Layer):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec):
        super().__init__()
        self.s = s
        self.fc1, self.fc2 = map(conv, s.convs)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.fc1(ops.mean(x, (1, 2), keepdims=True))  # [B, 1, 1, squeezed]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)

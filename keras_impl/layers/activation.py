"""Activations by the names that specs give them."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl.layers.saved import Saved


def gelu(x: KerasTensor) -> KerasTensor:
    # DIFF(gelu-float32): ops.gelu on TensorFlow passes a constant through float32.
    return 0.5 * x * (1 + ops.erf(x / math.sqrt(2)))


def leaky_relu(x: KerasTensor, slope: float) -> KerasTensor:
    # DIFF(leaky-relu): TensorFlow's own keeps the slope in float32.
    return ops.where(x > 0, x, slope * x)


def gelu_tanh(x: KerasTensor) -> KerasTensor:
    # DIFF(gelu-float32): ops.gelu on TensorFlow passes a constant through float32.
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + ops.tanh(inner))


ACTIVATIONS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "identity": lambda x: x,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "silu": ops.silu,
    "hard_swish": ops.hard_swish,
    "hard_sigmoid": ops.hard_sigmoid,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}


class Activation(Saved, keras.Layer):
    """An activation as a layer, for lists of layers whose published names count it."""

    def __init__(self, function: str, *, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.function = function

    def call(self, x: KerasTensor) -> KerasTensor:
        return ACTIVATIONS[self.function](x)

"""Layers one after the other."""

import keras
from keras import KerasTensor


class Sequential(keras.Layer):
    """DIFF(sequential): Keras's own traces its layers symbolically at its first call;
    this one calls them.

    Its layers have their places for names, as in the other frameworks.
    """

    def __init__(self, steps: list[keras.Layer]):
        super().__init__()
        self.steps = steps

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.steps:
            x = layer(x)
        return x

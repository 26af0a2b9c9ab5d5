"""A block of a diffusion model: group norms, a time that is a keyword."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self._stem = layers.Conv2D(8, 3, padding="same")
        self._n1 = layers.GroupNormalization(4, epsilon=1e-5)
        self._n2 = layers.GroupNormalization(4, epsilon=1e-5)
        self._c1 = layers.Conv2D(8, 3, padding="same")
        self._c2 = layers.Conv2D(8, 3, padding="same")
        self._t = layers.Dense(8)

    def call(self, x, time=None):
        x = self._stem(x)
        y = self._c1(ops.silu(self._n1(x)))
        y = y + self._t(ops.silu(time))[:, None, None, :]
        return x + self._c2(ops.silu(self._n2(y)))


def make():
    return Net()

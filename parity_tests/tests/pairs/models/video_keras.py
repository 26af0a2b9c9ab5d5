"""Convolutions of a video, and two heads."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self._pad = layers.ZeroPadding3D(1)
        self._conv = layers.Conv3D(4, 3, strides=2)
        self._mu, self._sigma = layers.Dense(3), layers.Dense(3)

    def call(self, x):
        x = ops.softplus(self._conv(self._pad(x)))
        x = (x[:, ::2] + x[:, 1::2]) / 2  # TensorFlow pools no volumes in float64
        x = (x[:, :, ::2] + x[:, :, 1::2]) / 2
        x = (x[:, :, :, ::2] + x[:, :, :, 1::2]) / 2
        x = ops.reshape(ops.transpose(x, (0, 4, 1, 2, 3)), (-1, 32))
        return {"mean": self._mu(x), "spread": ops.softplus(self._sigma(x))}


def make():
    return Net()

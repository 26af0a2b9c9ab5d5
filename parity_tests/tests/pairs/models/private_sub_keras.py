"""The same network as a class, its layers behind private names."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self._deep = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
        self._wide = layers.Conv2D(6, 1)
        self._mean = layers.BatchNormalization()
        self._down = layers.AveragePooling2D(2)
        self._next = layers.Conv2D(6, 3, padding="valid")
        self._drop = layers.Dropout(0.3)
        self._vote = layers.Dense(4)

    def call(self, x, training=False):
        x = ops.relu(self._wide(self._deep(x)))
        x = self._next(self._down(self._mean(x, training=training)))
        x = ops.max(ops.leaky_relu(x, 0.3), (1, 2))
        return self._vote(self._drop(x, training=training))


def make():
    return Net()

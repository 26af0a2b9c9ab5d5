"""Five layers with a batch norm."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self._stem = layers.Conv2D(4, 3, padding="same")
        self._norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        self._mid = layers.Conv2D(4, 3, padding="same", activation="relu")
        self._down = layers.MaxPooling2D(2)
        self._vector = layers.Flatten()
        self._out = layers.Dense(5)

    def call(self, x, training=False):
        x = ops.relu(self._norm(self._stem(x), training=training))
        x = self._mid(self._down(x))
        return self._out(self._vector(ops.transpose(x, (0, 3, 1, 2))))


make = Net

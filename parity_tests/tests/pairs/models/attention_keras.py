"""A block of a transformer."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.norm = layers.LayerNormalization(epsilon=1e-6)
        self._mha = layers.MultiHeadAttention(2, 4)
        self._up = layers.Dense(16)
        self._down = layers.Dense(8)

    def call(self, x):
        y = self.norm(x)
        x = x + self._mha(y, y)
        return x + self._down(ops.gelu(self._up(x), approximate=False))


make = Net

"""Attention of one head, or of one matrix."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.query = layers.Dense(8)
        self.key = layers.Dense(8)
        self.value = layers.Dense(8)
        self.output_dense = layers.Dense(8)

    def call(self, x):
        k, v, q = self.key(x), self.value(x), self.query(x)
        a = ops.softmax(q @ ops.transpose(k, (0, 2, 1)) / 8**0.5)
        return self.output_dense(a @ v)


make = Net

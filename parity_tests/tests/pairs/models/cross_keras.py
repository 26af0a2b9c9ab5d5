"""A decoder's layer that attends to what was encoded, with a mask."""

import keras
from keras import layers


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.self_attention = layers.MultiHeadAttention(2, 4)
        self.cross_attention = layers.MultiHeadAttention(2, 4)
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(3)]
        self.feed = keras.Sequential([layers.Dense(16, "relu"), layers.Dense(8)])

    def call(self, x, memory):
        a, b, c = self.norms
        x = a(x + self.self_attention(x, x, use_causal_mask=True))
        x = b(x + self.cross_attention(x, memory))
        return c(x + self.feed(x))


def make():
    return Net()

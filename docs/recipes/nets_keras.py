"""The port in Keras."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(8, 3, padding="same")
        self.norm = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(10)

    def call(self, x, training=False):
        x = ops.relu(self.norm(self.conv(x), training=training))
        x = self.drop(ops.mean(x, axis=(1, 2)), training=training)
        return self.head(x)


class Encoder(keras.Model):
    """Its names are not those of the reference."""

    def __init__(self):
        super().__init__()
        self.tokens = layers.Embedding(50, 8)
        self.q = layers.Dense(8)
        self.v = layers.Dense(8)

    def call(self, ids, mask=None):
        x = self.tokens(ids)
        scores = ops.where(mask, ops.sum(self.q(x), axis=-1), -1e9)
        states = ops.expand_dims(ops.softmax(scores, axis=-1), -1) * self.v(x)
        return {"states": states, "pooled": ops.sum(states, axis=1)}

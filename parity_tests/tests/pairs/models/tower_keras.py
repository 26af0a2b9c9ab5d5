"""One tower that two pictures go through."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self._tower = keras.Sequential(
            [layers.Dense(6, activation="tanh"), layers.Dense(4)]
        )
        self._judge = layers.Dense(2)

    def call(self, one, two):
        return self._judge(ops.abs(self._tower(one) - self._tower(two)))


def make():
    return Net()

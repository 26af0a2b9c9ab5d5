"""A convolution that is laid out flat."""

import keras
from keras import layers


def make():
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )

"""A network by Keras's functions."""

import keras
from keras import layers


def make():
    x = keras.Input((8, 8, 3))
    y = layers.SeparableConv2D(6, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(y)
    y = layers.AveragePooling2D(2)(y)
    y = layers.Conv2D(6, 3, padding="valid")(y)
    y = layers.LeakyReLU(negative_slope=0.3)(y)
    y = layers.GlobalMaxPooling2D()(y)
    return keras.Model(x, layers.Dense(4)(layers.Dropout(0.3)(y)))

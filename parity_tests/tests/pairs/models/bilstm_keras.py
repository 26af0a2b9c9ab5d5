"""Two levels of an LSTM in both directions, one in the other's layer."""

import keras
from keras import layers


def make():
    ids = keras.Input((None,), dtype="int32")
    x = layers.Embedding(11, 3)(ids)
    for _ in range(2):
        x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    return keras.Model(ids, layers.Dense(5)(x))

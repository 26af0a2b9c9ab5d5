"""Which parts stay in full precision where the others are in half."""

import keras
from keras import KerasTensor, ops


def exact(values: tuple[KerasTensor, ...]) -> tuple[KerasTensor, ...]:
    """Give the values in the precision of the parameters; losses are computed in it."""
    return tuple(ops.cast(value, keras.config.floatx()) for value in values)

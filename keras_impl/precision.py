"""Which parts stay in full precision where others are in bfloat16: the native side of
shared/precision.py."""

import keras
from keras import KerasTensor, ops

from keras_impl.weights import named_layers


def exact(values: tuple[KerasTensor, ...]) -> tuple[KerasTensor, ...]:
    """Give the values in the precision of the parameters; losses are computed in it."""
    return tuple(ops.cast(value, keras.config.floatx()) for value in values)


def full(value: KerasTensor) -> KerasTensor:
    """What leaves a model or is drawn by: bfloat16 in float32, others as they are."""
    low = keras.backend.standardize_dtype(value.dtype) == "bfloat16"
    return ops.cast(value, "float32") if low else value


def lower(model: keras.Layer) -> None:
    """Products and convolutions in bfloat16 from here on. DIFF(bfloat16): Keras's own
    norms compute in float32 under its policy."""
    for _, layer in named_layers(model):
        layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")

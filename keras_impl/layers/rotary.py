"""Rotary positions (Su et al. 2021, equation 34)."""

import keras
from keras import KerasTensor, ops

Turn = tuple[KerasTensor, KerasTensor]  # cosines and sines, [T, d / 2]


def turn(places: KerasTensor, frequencies: tuple[float, ...]) -> Turn:
    """Give how far each place turns each pair, in the precision of the parameters."""
    rates = ops.convert_to_tensor(frequencies, keras.config.floatx())
    angles = ops.cast(places[:, None], keras.config.floatx()) * rates
    return ops.cos(angles), ops.sin(angles)


def rotate(x: KerasTensor, by: Turn, interleaved: bool) -> KerasTensor:
    """Turn the pairs of vectors [..., T, d]: neighbours, or one of each half."""
    low, exact = x.dtype, ops.cast(x, keras.config.floatx())
    cos, sin = by
    a, b = (
        (exact[..., 0::2], exact[..., 1::2]) if interleaved else ops.split(exact, 2, -1)
    )
    turned = a * cos - b * sin, a * sin + b * cos
    if interleaved:
        return ops.cast(ops.reshape(ops.stack(turned, -1), ops.shape(x)), low)
    return ops.cast(ops.concatenate(turned, -1), low)

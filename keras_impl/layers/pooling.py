"""Pools as specs describe them: windows of a maximum or a mean."""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl.layers.saved import Saved
from shared.specs.base import Pool


class MaxPooling2D(Saved, keras.Layer):
    """A maximum as a layer, for lists of layers whose published names count it."""

    def __init__(self, p: Pool, *, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.p = p

    def call(self, x: KerasTensor) -> KerasTensor:
        return max_pool(x, self.p)


class MapMean(Saved, keras.Layer):
    """The mean of each map, as a map of one place."""

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.mean(x, (1, 2), keepdims=True)


def max_pool(x: KerasTensor, p: Pool) -> KerasTensor:
    # DIFF(pool-padding): "same" pads to one side at stride 2; outside counts as -inf.
    pads = p.reach(*x.shape[1:3]) if p.ceil else p.pads
    if any(map(any, pads)):
        x = ops.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-math.inf)
    return ops.max_pool(x, p.size, p.stride, "valid", data_format="channels_last")


def max_pool1d(x: KerasTensor, size: int) -> KerasTensor:
    """Take the maximum of windows side by side; the last is as short as it falls."""
    # DIFF(pool-padding): "same" would shorten the first window too.
    missing = -x.shape[1] % size
    if missing:
        around = ((0, 0), (0, missing), (0, 0))
        x = ops.pad(x, around, constant_values=-math.inf)
    return ops.max_pool(x, size, size, "valid", data_format="channels_last")


def avg_pool(x: KerasTensor, p: Pool) -> KerasTensor:
    _, *size, _ = x.shape
    if any(map(any, p.pads)):
        x = ops.pad(x, ((0, 0), *p.pads, (0, 0)))
    y = ops.average_pool(x, p.size, p.stride, "valid", data_format="channels_last")
    if not p.count_pads:
        rows, columns = (ops.convert_to_tensor(n, y.dtype) for n in p.inside(*size))
        y = y * p.size**2 / (rows[:, None, None] * columns[:, None])
    return y


def adaptive_avg_pool(x: KerasTensor, size: tuple[int, int]) -> KerasTensor:
    """Means over windows from floor(i n / size) to ceil((i + 1) n / size).

    DIFF(adaptive-pool): Keras has one since 3.13 only.
    """
    for axis, count in enumerate(size, start=1):
        n = x.shape[axis]
        if n != count:
            windows = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
            before = (slice(None),) * axis
            means = [
                ops.mean(x[(*before, slice(start, stop))], axis)
                for start, stop in windows
            ]
            x = ops.stack(means, axis)
    return x

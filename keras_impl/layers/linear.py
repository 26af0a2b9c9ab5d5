"""Products with a matrix, and what flattens a map before them."""

import math
from typing import Any

from keras import KerasTensor, layers, ops

from keras_impl.layers.saved import Saved


class Dense(Saved, layers.Dense):
    def __init__(
        self,
        c_in: int,
        c_out: int,
        use_bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(c_out, use_bias=use_bias, name=name, dtype=dtype)
        self.c_in, self.c_out = c_in, c_out
        self.build((None, c_in))


def flatten(x: KerasTensor) -> KerasTensor:
    # DIFF(flatten): channels first, so that the next layer's weights mean the same.
    if len(x.shape) == 4:
        x = ops.transpose(x, (0, 3, 1, 2))
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


def unflatten(x: KerasTensor, maps: tuple[int, int, int]) -> KerasTensor:
    # DIFF(flatten): the inverse.
    return ops.transpose(ops.reshape(x, (-1, *maps)), (0, 2, 3, 1))

"""Adafactor in Keras."""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, norm


class Adafactor(Optimizer):
    keeps = ("r", "c", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        power: float = 0.8,
        eps1: float = 1e-30,
        eps2: float = 1e-3,
        limit: float = 1.0,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "power": power,
                "eps1": eps1,
                "eps2": eps2,
                "limit": limit,
                "weight_decay": weight_decay,
            },
            options,
        )

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        if (len(variable.shape) == 2) == (name == "v"):
            return None
        if name == "v":
            return super().keep(name, variable)
        size = variable.shape[0 if name == "r" else 1]
        return self.add_variable((size,), dtype=variable.dtype, name=name)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        root = math.sqrt(math.prod(variable.shape))
        length = norm(variable) / root
        least = self.eps2 * ops.ones_like(length)
        alpha = ops.maximum(length, least) * ops.minimum(lr, t**-0.5)
        square = ops.square(gradient) + self.eps1
        v = self.squares(square, 1 - t**-self.power, *self.kept(variable))
        u = gradient / ops.sqrt(v)
        u = u / ops.maximum(norm(u) / root / self.limit, 1.0)
        variable.assign_sub(lr * self.decay(variable) * variable + alpha * u)

    def squares(self, square: Any, keep: Any, r: Any, c: Any, v: Any) -> KerasTensor:
        """The average of one tensor's squares, factored where it is a matrix."""
        if v is not None:
            v.assign(keep * v + (1 - keep) * square)
            return ops.convert_to_tensor(v)
        r.assign(keep * r + (1 - keep) * ops.sum(square, 1))
        c.assign(keep * c + (1 - keep) * ops.sum(square, 0))
        rows, columns = ops.expand_dims(r, 1), ops.expand_dims(c, 0)
        return rows * columns / ops.sum(r)

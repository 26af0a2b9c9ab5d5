"""Shampoo in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Shampoo(Optimizer):
    keeps = ("m", "l", "r", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-1,
        *,
        momentum: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        if name == "m":
            return super().keep(name, variable)
        if (len(variable.shape) == 2) == (name == "v"):
            return None
        if name == "v":
            return super().keep(name, variable)
        size = variable.shape[0 if name == "l" else 1]
        return self.add_variable((size, size), dtype=variable.dtype, name=name)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, left, right, v = self.kept(variable)
        lr, g = ops.cast(learning_rate, variable.dtype), gradient
        m.assign(self.momentum * m + (1 - self.momentum) * g)
        if v is None:
            left.assign(left + ops.matmul(g, ops.transpose(g)))
            right.assign(right + ops.matmul(ops.transpose(g), g))
            u = ops.matmul(ops.matmul(self.root(left), m), self.root(right))
        else:
            v.assign(v + ops.square(g))
            u = m * self.power(ops.convert_to_tensor(v), -1 / 2)
        variable.assign_sub(lr * (self.decay(variable) * variable + u))

    def root(self, a: keras.Variable) -> KerasTensor:
        """Raise a matrix to the power -1/4."""
        values, vectors = ops.eigh(ops.convert_to_tensor(a))
        powers = self.power(ops.maximum(values, ops.zeros_like(values)), -1 / 4)
        return ops.matmul(vectors * powers, ops.transpose(vectors))

    def power(self, values: KerasTensor, exponent: float) -> KerasTensor:
        """Raise ridged values to a power; 0 stays 0, where no gradient was yet."""
        largest = ops.max(values)
        ridged = (values + self.eps * largest) ** exponent
        return ops.where(largest > 0, ridged, ops.zeros_like(ridged))

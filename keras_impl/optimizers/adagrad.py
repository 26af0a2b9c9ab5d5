"""Adagrad in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Adagrad(Optimizer):
    keeps = ("G",)

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (G,) = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        G.assign(G + ops.square(g))
        variable.assign_sub(lr * g / (ops.sqrt(G) + self.eps))

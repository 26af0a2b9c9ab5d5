"""Adadelta in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Adadelta(Optimizer):
    keeps = ("E_g", "E_d")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        rho: float = 0.95,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        E_g, E_d = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        E_g.assign(self.rho * E_g + (1 - self.rho) * ops.square(g))
        d = ops.sqrt(E_d + self.eps) / ops.sqrt(E_g + self.eps) * g
        E_d.assign(self.rho * E_d + (1 - self.rho) * ops.square(d))
        variable.assign_sub(lr * d)

"""Adamax in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Adamax(Optimizer):
    keeps = ("m", "u")

    def __init__(
        self,
        learning_rate: Any = 2e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, u = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        g = self.coupled(gradient, variable)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        u.assign(ops.maximum(self.beta2 * u, ops.abs(g)))
        variable.assign_sub(lr / (1 - self.beta1**t) * m / (u + self.eps))

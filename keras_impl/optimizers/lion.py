"""Lion in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Lion(Optimizer):
    keeps = ("m",)

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        *,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (m,) = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        c = self.beta1 * m + (1 - self.beta1) * gradient
        m.assign(self.beta2 * m + (1 - self.beta2) * gradient)
        variable.assign_sub(lr * (ops.sign(c) + self.decay(variable) * variable))

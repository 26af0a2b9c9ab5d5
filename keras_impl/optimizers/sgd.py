"""Gradient descent and its momenta in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class SGD(Optimizer):
    keeps = ("v",)

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "nesterov": nesterov,
                "weight_decay": weight_decay,
            },
            options,
        )

    def needs(self) -> tuple[str, ...]:
        return self.keeps if self.momentum else ()

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        if not self.momentum:
            variable.assign_sub(lr * g)
            return
        (v,) = self.kept(variable)
        v.assign(self.momentum * v + g)
        variable.assign_sub(lr * (g + self.momentum * v if self.nesterov else v))

"""LAMB in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, adam_step, norm


class LAMB(Optimizer):
    """exclude_from_weight_decay leaves the ratio out as well, as the authors do."""

    keeps = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        trust: bool = True,
        weight_decay: float = 1e-2,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "trust": trust,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        u = adam_step(self, gradient, variable, *self.kept(variable))
        u = u + self.decay(variable) * variable
        if self.trust and self._use_weight_decay(variable):
            length, step = norm(variable), norm(u)
            u = ops.where(length * step > 0, length / step, ops.ones_like(step)) * u
        variable.assign_sub(lr * u)

"""LARS in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, norm


class LARS(Optimizer):
    """exclude_from_weight_decay leaves the ratio out as well, as the authors do."""

    keeps = ("v",)

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        momentum: float = 0.9,
        coefficient: float = 1e-3,
        trust: bool = True,
        weight_decay: float = 5e-4,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "coefficient": coefficient,
                "trust": trust,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (v,) = self.kept(variable)
        lr, decay = ops.cast(learning_rate, variable.dtype), self.decay(variable)
        u = gradient + decay * variable
        if self.trust and self._use_weight_decay(variable):
            length = norm(variable)
            whole = norm(gradient) + decay * length
            ratio = self.coefficient * length / whole
            u = ops.where(length * whole > 0, ratio, ops.ones_like(ratio)) * u
        v.assign(self.momentum * v + lr * u)
        variable.assign_sub(v)

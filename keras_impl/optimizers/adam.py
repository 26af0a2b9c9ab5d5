"""Adam and AMSGrad in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Adam(Optimizer):
    keeps = ("m", "v", "v_max")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "amsgrad": amsgrad,
                "weight_decay": weight_decay,
            },
            options,
        )

    def needs(self) -> tuple[str, ...]:
        return self.keeps if self.amsgrad else self.keeps[:2]

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        g = self.coupled(gradient, variable)
        self.adapt(g, variable, learning_rate)

    def adapt(
        self, g: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v, *largest = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(g))
        if largest:
            largest[0].assign(ops.maximum(largest[0], v))
            v = largest[0]
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        variable.assign_sub(lr * m_hat / (ops.sqrt(v_hat) + self.eps))

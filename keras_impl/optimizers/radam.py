"""RAdam in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class RAdam(Optimizer):
    keeps = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
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

    def rho(self, t: KerasTensor) -> KerasTensor:
        whole, power = 2 / (1 - self.beta2) - 1, self.beta2**t
        return whole - 2 * t * power / (1 - power)

    def rectified(self, t: KerasTensor) -> KerasTensor:
        whole, rho = 2 / (1 - self.beta2) - 1, ops.maximum(self.rho(t), 4.0)
        share = (rho - 4) * (rho - 2) * whole
        return ops.sqrt(share / ((whole - 4) * (whole - 2) * rho))

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        g = self.coupled(gradient, variable)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(g))
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        adapted = self.rectified(t) * m_hat / (ops.sqrt(v_hat) + self.eps)
        variable.assign_sub(lr * ops.where(self.rho(t) > 4, adapted, m_hat))

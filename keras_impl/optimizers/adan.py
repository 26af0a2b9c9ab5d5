"""Adan in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Adan(Optimizer):
    keeps = ("m", "v", "n", "g")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 2e-2,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "beta3": beta3,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v, n, before = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        d = ops.where(t > 1, gradient - before, ops.zeros_like(gradient))
        m.assign(self.beta1 * m + (1 - self.beta1) * gradient)
        v.assign(self.beta2 * v + (1 - self.beta2) * d)
        ahead = ops.square(gradient + self.beta2 * d)
        n.assign(self.beta3 * n + (1 - self.beta3) * ahead)
        before.assign(gradient)
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        n_hat = n / (1 - self.beta3**t)
        u = (m_hat + self.beta2 * v_hat) / (ops.sqrt(n_hat) + self.eps)
        variable.assign((variable - lr * u) / (1 + lr * self.decay(variable)))

"""NAdam in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class NAdam(Optimizer):
    keeps = ("m", "n")

    def __init__(
        self,
        learning_rate: Any = 2e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "momentum_decay": momentum_decay,
                "weight_decay": weight_decay,
            },
            options,
        )

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        dtype = keras.config.floatx()
        mu = keras.Variable(1.0, name="mu", dtype=dtype, trainable=False)
        self._track_variable(mu)
        self.once = {"mu": mu}

    def momentum(self, t: KerasTensor) -> KerasTensor:
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        mu = self.once["mu"]
        mu.assign(mu * self.momentum(self.t(mu.dtype)))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, n = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        now, then = self.momentum(t), self.momentum(t + 1)
        mu = ops.cast(self.once["mu"], variable.dtype)
        g = self.coupled(gradient, variable)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        n.assign(self.beta2 * n + (1 - self.beta2) * ops.square(g))
        m_hat = then * m / (1 - mu * then) + (1 - now) * g / (1 - mu)
        n_hat = n / (1 - self.beta2**t)
        variable.assign_sub(lr * m_hat / (ops.sqrt(n_hat) + self.eps))

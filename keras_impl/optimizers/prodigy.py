"""Prodigy in Keras."""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, total


class Prodigy(Optimizer):
    """d is one for all variables of a replica: not for tf.distribute."""

    keeps = ("m", "v", "s", "p")
    shares = ("d", "r")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        d0: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "d0": d0,
                "weight_decay": weight_decay,
            },
            options,
        )

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        d, r = self.once.values()
        lr, root = ops.cast(learning_rate, d.dtype), math.sqrt(self.beta2)
        kept = [self.kept(variable) for variable in trainable_variables]
        inner = total([g * p for g, (*_, p) in zip(grads, kept, strict=True)])
        d.assign(ops.where(d > 0, ops.convert_to_tensor(d), self.d0))
        r.assign(root * r - (1 - root) * lr * ops.square(d) * inner)
        super()._backend_update_step(grads, trainable_variables, learning_rate)
        whole = total([ops.abs(s) for _, _, s, _ in kept])
        d_hat = ops.where(whole > 0, r / whole, ops.zeros_like(whole))
        d.assign(ops.maximum(ops.convert_to_tensor(d), d_hat))

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v, s, p = self.kept(variable)
        lr, d = ops.cast(learning_rate, variable.dtype), self.once["d"]
        root, g = math.sqrt(self.beta2), gradient
        m.assign(self.beta1 * m + (1 - self.beta1) * d * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(d) * ops.square(g))
        s.assign(root * s + (1 - root) * lr * ops.square(d) * g)
        u = self.decay(variable) * variable + m / (ops.sqrt(v) + d * self.eps)
        variable.assign_sub(lr * d * u)
        p.assign_sub(lr * d * u)

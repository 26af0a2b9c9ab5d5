"""Muon in Keras."""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, adam_step, norm


class Muon(Optimizer):
    """Tensors that are no matrices are AdamW's. So should be, in a second optimizer, an
    embedding and the last layer, as the authors have it."""

    keeps = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        beta1: float = 0.9,
        beta2: float = 0.95,
        eps: float = 1e-8,
        weight_decay: float = 0.1,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "nesterov": nesterov,
                "steps": steps,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        matrix = len(variable.shape) == 2
        return None if matrix and name == "v" else super().keep(name, variable)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr, (m, v) = ops.cast(learning_rate, variable.dtype), self.kept(variable)
        if v is None:
            m.assign(self.momentum * m + gradient)
            u = gradient + self.momentum * m if self.nesterov else m
            u = orthogonal(ops.convert_to_tensor(u), self.steps, self.eps)
            u = 0.2 * math.sqrt(max(variable.shape)) * u
        else:
            u = adam_step(self, gradient, variable, m, v)
        variable.assign_sub(lr * (self.decay(variable) * variable + u))


def orthogonal(m: KerasTensor, steps: int, eps: float) -> KerasTensor:
    """Bring singular values near 1, by Newton and Schulz's iteration."""
    if m.shape[0] > m.shape[1]:
        return ops.transpose(orthogonal(ops.transpose(m), steps, eps))
    o = m / (norm(m) + eps)
    for _ in range(steps):
        a = ops.matmul(o, ops.transpose(o))
        o = 3.4445 * o + ops.matmul(-4.7750 * a + 2.0315 * ops.matmul(a, a), o)
    return o

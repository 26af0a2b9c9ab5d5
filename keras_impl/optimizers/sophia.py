"""Sophia-G in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class SophiaG(Optimizer):
    """When `due`, before `apply`: take the gradients of the mean loss over `batch_size`
    examples (tokens, in a language model) with labels drawn from the model's own
    outputs, and hand them to `estimate`."""

    keeps = ("m", "h")

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        *,
        beta1: float = 0.96,
        beta2: float = 0.99,
        gamma: float = 0.05,
        eps: float = 1e-12,
        every: int = 10,
        batch_size: int = 1,
        weight_decay: float = 0.1,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "gamma": gamma,
                "eps": eps,
                "every": every,
                "batch_size": batch_size,
                "weight_decay": weight_decay,
            },
            options,
        )

    @property
    def due(self) -> KerasTensor:
        return ops.equal(self.iterations % self.every, 0)

    def estimate(self, gradients: list[Any], variables: Any = None) -> None:
        """Takes the curvature from these gradients."""
        for g, variable in zip(
            gradients, variables or self._trainable_variables, strict=True
        ):
            _, h = self.kept(variable)
            share = (1 - self.beta2) * self.batch_size
            square = ops.square(ops.reshape(g, g.shape))
            h.assign(self.beta2 * h + share * square)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, h = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        m.assign(self.beta1 * m + (1 - self.beta1) * gradient)
        bound = self.gamma * h
        bound = ops.maximum(bound, self.eps * ops.ones_like(bound))
        u = ops.clip(m / bound, -1.0, 1.0)
        variable.assign_sub(lr * (self.decay(variable) * variable + u))

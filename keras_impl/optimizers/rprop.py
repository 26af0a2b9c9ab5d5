"""Rprop in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class Rprop(Optimizer):
    keeps = ("delta", "g")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        delta_0: float = 0.1,
        delta_min: float = 1e-6,
        delta_max: float = 50.0,
        eta_minus: float = 0.5,
        eta_plus: float = 1.2,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "delta_0": delta_0,
                "delta_min": delta_min,
                "delta_max": delta_max,
                "eta_minus": eta_minus,
                "eta_plus": eta_plus,
                "weight_decay": weight_decay,
            },
            options,
        )

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for delta in self.kept_delta:
            delta.assign(ops.full(delta.shape, self.delta_0, delta.dtype))

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        delta, before = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        sign = ops.sign(g) * ops.sign(before)
        new, grown = ops.convert_to_tensor(delta), delta * self.eta_plus
        new = ops.where(sign < 0, delta * self.eta_minus, new)
        new = ops.where(sign > 0, grown, new)
        new = ops.minimum(ops.maximum(new, self.delta_min), self.delta_max)
        g = ops.where(sign < 0, ops.zeros_like(g), g)
        delta.assign(new)
        before.assign(g)
        variable.assign_sub(lr * ops.sign(g) * new)

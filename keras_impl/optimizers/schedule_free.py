"""Schedule-free AdamW in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """Call `eval` before the model is evaluated or saved, and `train` before it is
    trained on."""

    keeps = ("z", "v")
    shares = ("largest", "whole")

    def __init__(
        self,
        learning_rate: Any = 2.5e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        if not beta1:
            raise ValueError(
                "ScheduleFreeAdamW: beta1 is 0.0; allowed: above 0, below 1"
            )
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
        self.training = True

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        kept = self.add_variable_from_reference(variable, name=name)
        if name == "z":
            kept.assign(ops.copy(variable))
        return kept

    def eval(self) -> None:
        """The variables become those to evaluate with."""
        self.switch(False)

    def train(self) -> None:
        """The variables become those to train."""
        self.switch(True)

    def switch(self, training: bool) -> None:
        if self.built and self.training != training:
            share = 1 - self.beta1 if training else 1 - 1 / self.beta1
            for variable in self._trainable_variables:
                z, _ = self.kept(variable)
                variable.assign(variable + share * (z - variable))
        self.training = training

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        if not self.training:
            raise RuntimeError("ScheduleFreeAdamW: call train() before apply()")
        largest, whole = self.once.values()
        lr = ops.cast(learning_rate, largest.dtype)
        largest.assign(ops.maximum(ops.convert_to_tensor(largest), lr))
        whole.assign(whole + ops.square(largest))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        z, v = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        largest, whole = self.once.values()
        c = ops.square(largest) / whole
        c = ops.where(whole > 0, c, ops.zeros_like(c))
        x = variable + (1 - 1 / self.beta1) * (z - variable)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(gradient))
        v_hat = v / (1 - self.beta2**t)
        u = gradient / (ops.sqrt(v_hat) + self.eps) + self.decay(variable) * variable
        z.assign(z - lr * u)
        x = x + c * (z - x)
        variable.assign(x + (1 - self.beta1) * (z - x))

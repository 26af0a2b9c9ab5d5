"""AdamW in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .adam import Adam


class AdamW(Adam):
    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 1e-2,
        **options: Any,
    ):
        super().__init__(
            learning_rate,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
            **options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        if self.decay(variable):
            variable.assign_sub(lr * self.decay(variable) * variable)
        self.adapt(gradient, variable, learning_rate)

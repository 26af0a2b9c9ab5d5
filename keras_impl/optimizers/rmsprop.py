"""RMSprop in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer


class RMSprop(Optimizer):
    keeps = ("n", "m", "d")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        rho: float = 0.9,
        eps: float = 1e-8,
        centred: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "rho": rho,
                "eps": eps,
                "centred": centred,
                "momentum": momentum,
                "weight_decay": weight_decay,
            },
            options,
        )

    def needs(self) -> tuple[str, ...]:
        needed = {"n": True, "m": self.centred, "d": self.momentum > 0}
        return tuple(name for name in self.keeps if needed[name])

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        n, *others = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        n.assign(self.rho * n + (1 - self.rho) * ops.square(g))
        spread = n
        if self.centred:
            m = others[0]
            m.assign(self.rho * m + (1 - self.rho) * g)
            spread = n - ops.square(m)
        step = g / ops.sqrt(spread + self.eps)
        if self.momentum:
            d = others[-1]
            d.assign(self.momentum * d + step)
            step = d
        variable.assign_sub(lr * step)

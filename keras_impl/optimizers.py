"""The optimizers in Keras. Definitions, papers: shared/optimizers.py.

One file to lift: it needs nothing of this suite, and runs on every back end. Clipping,
accumulation, moving averages and leaving tensors out of the decay are Keras's own.
"""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "learning_rate": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


class _Optimizer(keras.optimizers.Optimizer):
    """What all have in common. A variable's state is `keeps`, each like it.

    settings: the optimizer's own arguments, by name; each becomes an attribute.
    options: those of any Keras optimizer (clipping, accumulation, moving averages).
    """

    keeps: tuple[str, ...] = ()

    def __init__(self, settings: dict[str, Any], options: dict[str, Any]):
        for name, value in settings.items():
            low, high = _ALLOWED.get(name, (-math.inf, math.inf))
            if isinstance(value, float) and not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
        own = {k: v for k, v in settings.items() if k != "learning_rate"}
        super().__init__(settings["learning_rate"], **options)
        for name, value in own.items():
            setattr(self, name, value)
        self.own = tuple(own)

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for name in self.keeps:
            kept = [self.add_variable_from_reference(v, name=name) for v in variables]
            setattr(self, f"kept_{name}", kept)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{k: getattr(self, k) for k in self.own}}

    def kept(self, variable: keras.Variable) -> list[keras.Variable]:
        index = self._get_variable_index(variable)
        return [getattr(self, f"kept_{name}")[index] for name in self.keeps]

    def t(self, dtype: str) -> KerasTensor:
        """The number of this update, from 1."""
        return ops.cast(self.iterations + 1, dtype)

    def decay(self, variable: keras.Variable) -> float:
        return self.weight_decay if self._use_weight_decay(variable) else 0.0

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """DIFF(keras-decay): Keras decays every optimizer's weights in the same way,
        before the update; here each does it as its paper says."""


# Gradient descent and its momenta


class SGD(_Optimizer):
    keeps = ("v",)

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "nesterov": nesterov,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (v,) = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = gradient + self.decay(variable) * variable
        v.assign(self.momentum * v + g)
        variable.assign_sub(lr * (g + self.momentum * v if self.nesterov else v))


# Adaptive


class Adam(_Optimizer):
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

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        g = gradient + self.decay(variable) * variable
        self.adapt(g, variable, learning_rate)

    def adapt(
        self, g: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(g))
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        variable.assign_sub(lr * m_hat / (ops.sqrt(v_hat) + self.eps))


class AdamW(Adam):
    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        **options: Any,
    ):
        super().__init__(
            learning_rate,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            weight_decay=weight_decay,
            **options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        variable.assign_sub(lr * self.decay(variable) * variable)
        self.adapt(gradient, variable, learning_rate)


# Modern

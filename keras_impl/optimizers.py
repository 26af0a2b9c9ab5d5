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
    "momentum_decay": (0.0, math.inf),
    "rho": (0.0, 1.0),
    "delta_0": (0.0, math.inf),
    "delta_min": (0.0, math.inf),
    "delta_max": (0.0, math.inf),
    "eta_minus": (0.0, 1.0),
    "eta_plus": (1.0, math.inf),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


class _Optimizer(keras.optimizers.Optimizer):
    """What all have in common. A variable's state is what it `needs` of `keeps`, each
    like it; `once` is what is kept of all together.

    settings: the optimizer's own arguments, by name; each becomes an attribute.
    options: those of any Keras optimizer (clipping, accumulation, moving averages).
    """

    keeps: tuple[str, ...] = ()

    def __init__(self, settings: dict[str, Any], options: dict[str, Any]):
        for name, value in settings.items():
            low, high = _ALLOWED.get(name, (-math.inf, math.inf))
            if isinstance(value, int | float) and not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
        own = {k: v for k, v in settings.items() if k != "learning_rate"}
        super().__init__(settings["learning_rate"], **options)
        for name, value in own.items():
            setattr(self, name, value)
        self.own = tuple(own)
        self.once: dict[str, keras.Variable] = {}

    def needs(self) -> tuple[str, ...]:
        """What of `keeps` these settings need."""
        return self.keeps

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.use_ema:
            averages = self._model_variables_moving_average
            for x, average in zip(variables, averages, strict=True):
                average.assign(x)
        for name in self.needs():
            kept = [self.add_variable_from_reference(v, name=name) for v in variables]
            setattr(self, f"kept_{name}", kept)

    def _update_model_variables_moving_average(
        self, trainable_variables: list[keras.Variable]
    ) -> None:
        """DIFF(keras-ema): Keras starts the average at what the first update leaves."""
        if not self.use_ema:
            return
        averages = self._model_variables_moving_average
        for x, average in zip(trainable_variables, averages, strict=True):
            d = self.ema_momentum
            average.assign(d * average + (1 - d) * x)

    def _get_current_learning_rate(self) -> Any:
        """DIFF(keras-accumulation): Keras's schedules count sets of gradients, not
        updates, where several make one update."""
        rate = self._learning_rate
        schedule = keras.optimizers.schedules.LearningRateSchedule
        if isinstance(rate, schedule):
            return rate(self.iterations)
        return super()._get_current_learning_rate()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{k: getattr(self, k) for k in self.own}}

    def kept(self, variable: keras.Variable) -> list[keras.Variable]:
        index = self._get_variable_index(variable)
        return [getattr(self, f"kept_{name}")[index] for name in self.needs()]

    def t(self, dtype: str) -> KerasTensor:
        """The number of this update, from 1."""
        return ops.cast(self.iterations + 1, dtype)

    def decay(self, variable: keras.Variable) -> float:
        return self.weight_decay if self._use_weight_decay(variable) else 0.0

    def coupled(self, gradient: KerasTensor, variable: keras.Variable) -> KerasTensor:
        """The gradient, weight decay in it."""
        decay = self.decay(variable)
        return gradient + decay * variable if decay else gradient

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

    def needs(self) -> tuple[str, ...]:
        return self.keeps if self.momentum else ()

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        if not self.momentum:
            variable.assign_sub(lr * g)
            return
        (v,) = self.kept(variable)
        v.assign(self.momentum * v + g)
        variable.assign_sub(lr * (g + self.momentum * v if self.nesterov else v))


# Adaptive


class Adagrad(_Optimizer):
    keeps = ("G",)

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (G,) = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        G.assign(G + ops.square(g))
        variable.assign_sub(lr * g / (ops.sqrt(G) + self.eps))


class Adadelta(_Optimizer):
    keeps = ("E_g", "E_d")

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        rho: float = 0.95,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        E_g, E_d = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        g = self.coupled(gradient, variable)
        E_g.assign(self.rho * E_g + (1 - self.rho) * ops.square(g))
        d = ops.sqrt(E_d + self.eps) / ops.sqrt(E_g + self.eps) * g
        E_d.assign(self.rho * E_d + (1 - self.rho) * ops.square(d))
        variable.assign_sub(lr * d)


class RMSprop(_Optimizer):
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


class Rprop(_Optimizer):
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


class Adam(_Optimizer):
    keeps = ("m", "v", "v_max")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "amsgrad": amsgrad,
                "weight_decay": weight_decay,
            },
            options,
        )

    def needs(self) -> tuple[str, ...]:
        return self.keeps if self.amsgrad else self.keeps[:2]

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        g = self.coupled(gradient, variable)
        self.adapt(g, variable, learning_rate)

    def adapt(
        self, g: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v, *largest = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(g))
        if largest:
            largest[0].assign(ops.maximum(largest[0], v))
            v = largest[0]
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


class Adamax(_Optimizer):
    keeps = ("m", "u")

    def __init__(
        self,
        learning_rate: Any = 2e-3,
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
        m, u = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        g = self.coupled(gradient, variable)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        u.assign(ops.maximum(self.beta2 * u, ops.abs(g)))
        variable.assign_sub(lr / (1 - self.beta1**t) * m / (u + self.eps))


class NAdam(_Optimizer):
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


class RAdam(_Optimizer):
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

    def rho(self, t: KerasTensor) -> KerasTensor:
        whole, power = 2 / (1 - self.beta2) - 1, self.beta2**t
        return whole - 2 * t * power / (1 - power)

    def rectified(self, t: KerasTensor) -> KerasTensor:
        whole, rho = 2 / (1 - self.beta2) - 1, ops.maximum(self.rho(t), 4.0)
        share = (rho - 4) * (rho - 2) * whole
        return ops.sqrt(share / ((whole - 4) * (whole - 2) * rho))

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        g = self.coupled(gradient, variable)
        m.assign(self.beta1 * m + (1 - self.beta1) * g)
        v.assign(self.beta2 * v + (1 - self.beta2) * ops.square(g))
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        adapted = self.rectified(t) * m_hat / (ops.sqrt(v_hat) + self.eps)
        variable.assign_sub(lr * ops.where(self.rho(t) > 4, adapted, m_hat))


class Lion(_Optimizer):
    keeps = ("m",)

    def __init__(
        self,
        learning_rate: Any = 1e-4,
        *,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (m,) = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        c = self.beta1 * m + (1 - self.beta1) * gradient
        m.assign(self.beta2 * m + (1 - self.beta2) * gradient)
        variable.assign_sub(lr * (ops.sign(c) + self.decay(variable) * variable))


# Modern

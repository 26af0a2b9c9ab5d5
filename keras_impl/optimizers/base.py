"""The optimizers in Keras. Definitions, papers: shared/definitions/optimizers.py.

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
    "beta3": (0.0, 1.0),
    "coefficient": (0.0, math.inf),
    "power": (0.0, math.inf),
    "eps1": (5e-324, math.inf),
    "eps2": (0.0, math.inf),
    "limit": (5e-324, math.inf),
    "gamma": (0.0, math.inf),
    "every": (1, math.inf),
    "batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "d0": (5e-324, math.inf),
    "radius": (0.0, math.inf),
}


def _whole(g: Any) -> KerasTensor:
    return ops.add(g, 0.0) if hasattr(g, "dense_shape") else g


class _Optimizer(keras.optimizers.Optimizer):
    """What all have in common. A variable's state is what it `needs` of `keeps`, each
    like it where `keep` says nothing else; `once` is what is kept of all together, with
    those that `shares` names.

    settings: the optimizer's own arguments, by name; each becomes an attribute.
    options: those of any Keras optimizer (clipping, accumulation, moving averages).
    """

    keeps: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()

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
            setattr(self, f"kept_{name}", [self.keep(name, v) for v in variables])
        for name in self.shares:
            dtype = variables[0].dtype
            self.once[name] = self.add_variable((), dtype=dtype, name=name)

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        return self.add_variable_from_reference(variable, name=name)

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

    def _clip_gradients(self, grads: list[Any]) -> list[KerasTensor]:
        """DIFF(keras-sparse): on TensorFlow an embedding's gradient is IndexedSlices,
        with which 0.9 * g fails, and of which Keras clips each row by itself, not their
        sum; to add to it makes a tensor of it."""
        clipped: list[KerasTensor] = super()._clip_gradients([_whole(g) for g in grads])
        return clipped

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


def _norm(x: Any) -> KerasTensor:
    return ops.sqrt(ops.sum(ops.square(x)))


def _sum(xs: list[Any]) -> KerasTensor:
    return sum(ops.sum(x) for x in xs)


def _adam(optimizer: Any, g: KerasTensor, variable: Any, m: Any, v: Any) -> KerasTensor:
    """Adam's step, before the learning rate."""
    beta1, beta2, t = optimizer.beta1, optimizer.beta2, optimizer.t(variable.dtype)
    m.assign(beta1 * m + (1 - beta1) * g)
    v.assign(beta2 * v + (1 - beta2) * ops.square(g))
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return m_hat / (ops.sqrt(v_hat) + optimizer.eps)


class LARS(_Optimizer):
    """exclude_from_weight_decay leaves the ratio out as well, as the authors do."""

    keeps = ("v",)

    def __init__(
        self,
        learning_rate: Any = 1.0,
        *,
        momentum: float = 0.9,
        coefficient: float = 1e-3,
        trust: bool = True,
        weight_decay: float = 5e-4,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "coefficient": coefficient,
                "trust": trust,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        (v,) = self.kept(variable)
        lr, decay = ops.cast(learning_rate, variable.dtype), self.decay(variable)
        u = gradient + decay * variable
        if self.trust and self._use_weight_decay(variable):
            length = _norm(variable)
            whole = _norm(gradient) + decay * length
            ratio = self.coefficient * length / whole
            u = ops.where(length * whole > 0, ratio, ops.ones_like(ratio)) * u
        v.assign(self.momentum * v + lr * u)
        variable.assign_sub(v)


class LAMB(_Optimizer):
    """exclude_from_weight_decay leaves the ratio out as well, as the authors do."""

    keeps = ("m", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        trust: bool = True,
        weight_decay: float = 1e-2,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "eps": eps,
                "trust": trust,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr = ops.cast(learning_rate, variable.dtype)
        u = _adam(self, gradient, variable, *self.kept(variable))
        u = u + self.decay(variable) * variable
        if self.trust and self._use_weight_decay(variable):
            length, step = _norm(variable), _norm(u)
            u = ops.where(length * step > 0, length / step, ops.ones_like(step)) * u
        variable.assign_sub(lr * u)


class Adafactor(_Optimizer):
    keeps = ("r", "c", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        power: float = 0.8,
        eps1: float = 1e-30,
        eps2: float = 1e-3,
        limit: float = 1.0,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "power": power,
                "eps1": eps1,
                "eps2": eps2,
                "limit": limit,
                "weight_decay": weight_decay,
            },
            options,
        )

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        if (len(variable.shape) == 2) == (name == "v"):
            return None
        if name == "v":
            return super().keep(name, variable)
        size = variable.shape[0 if name == "r" else 1]
        return self.add_variable((size,), dtype=variable.dtype, name=name)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        root = math.sqrt(math.prod(variable.shape))
        length = _norm(variable) / root
        least = self.eps2 * ops.ones_like(length)
        alpha = ops.maximum(length, least) * ops.minimum(lr, t**-0.5)
        square = ops.square(gradient) + self.eps1
        v = self.squares(square, 1 - t**-self.power, *self.kept(variable))
        u = gradient / ops.sqrt(v)
        u = u / ops.maximum(_norm(u) / root / self.limit, 1.0)
        variable.assign_sub(lr * self.decay(variable) * variable + alpha * u)

    def squares(self, square: Any, keep: Any, r: Any, c: Any, v: Any) -> KerasTensor:
        """The average of one tensor's squares, factored where it is a matrix."""
        if v is not None:
            v.assign(keep * v + (1 - keep) * square)
            return ops.convert_to_tensor(v)
        r.assign(keep * r + (1 - keep) * ops.sum(square, 1))
        c.assign(keep * c + (1 - keep) * ops.sum(square, 0))
        rows, columns = ops.expand_dims(r, 1), ops.expand_dims(c, 0)
        return rows * columns / ops.sum(r)


class Adan(_Optimizer):
    keeps = ("m", "v", "n", "g")

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        *,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 2e-2,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "beta1": beta1,
                "beta2": beta2,
                "beta3": beta3,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, v, n, before = self.kept(variable)
        lr, t = ops.cast(learning_rate, variable.dtype), self.t(variable.dtype)
        d = ops.where(t > 1, gradient - before, ops.zeros_like(gradient))
        m.assign(self.beta1 * m + (1 - self.beta1) * gradient)
        v.assign(self.beta2 * v + (1 - self.beta2) * d)
        ahead = ops.square(gradient + self.beta2 * d)
        n.assign(self.beta3 * n + (1 - self.beta3) * ahead)
        before.assign(gradient)
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        n_hat = n / (1 - self.beta3**t)
        u = (m_hat + self.beta2 * v_hat) / (ops.sqrt(n_hat) + self.eps)
        variable.assign((variable - lr * u) / (1 + lr * self.decay(variable)))


class SophiaG(_Optimizer):
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


class Muon(_Optimizer):
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
            u = _adam(self, gradient, variable, m, v)
        variable.assign_sub(lr * (self.decay(variable) * variable + u))


def orthogonal(m: KerasTensor, steps: int, eps: float) -> KerasTensor:
    """Newton and Schulz's iteration: singular values come near 1."""
    if m.shape[0] > m.shape[1]:
        return ops.transpose(orthogonal(ops.transpose(m), steps, eps))
    o = m / (_norm(m) + eps)
    for _ in range(steps):
        a = ops.matmul(o, ops.transpose(o))
        o = 3.4445 * o + ops.matmul(-4.7750 * a + 2.0315 * ops.matmul(a, a), o)
    return o


class Shampoo(_Optimizer):
    keeps = ("m", "l", "r", "v")

    def __init__(
        self,
        learning_rate: Any = 1e-1,
        *,
        momentum: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "eps": eps,
                "weight_decay": weight_decay,
            },
            options,
        )

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        if name == "m":
            return super().keep(name, variable)
        if (len(variable.shape) == 2) == (name == "v"):
            return None
        if name == "v":
            return super().keep(name, variable)
        size = variable.shape[0 if name == "l" else 1]
        return self.add_variable((size, size), dtype=variable.dtype, name=name)

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: Any
    ) -> None:
        m, left, right, v = self.kept(variable)
        lr, g = ops.cast(learning_rate, variable.dtype), gradient
        m.assign(self.momentum * m + (1 - self.momentum) * g)
        if v is None:
            left.assign(left + ops.matmul(g, ops.transpose(g)))
            right.assign(right + ops.matmul(ops.transpose(g), g))
            u = ops.matmul(ops.matmul(self.root(left), m), self.root(right))
        else:
            v.assign(v + ops.square(g))
            u = m * self.power(ops.convert_to_tensor(v), -1 / 2)
        variable.assign_sub(lr * (self.decay(variable) * variable + u))

    def root(self, a: keras.Variable) -> KerasTensor:
        """a to the power -1/4."""
        values, vectors = ops.eigh(ops.convert_to_tensor(a))
        powers = self.power(ops.maximum(values, ops.zeros_like(values)), -1 / 4)
        return ops.matmul(vectors * powers, ops.transpose(vectors))

    def power(self, values: KerasTensor, exponent: float) -> KerasTensor:
        """0 where there was no gradient yet."""
        largest = ops.max(values)
        ridged = (values + self.eps * largest) ** exponent
        return ops.where(largest > 0, ridged, ops.zeros_like(ridged))


class Prodigy(_Optimizer):
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
        inner = _sum([g * p for g, (*_, p) in zip(grads, kept, strict=True)])
        d.assign(ops.where(d > 0, ops.convert_to_tensor(d), self.d0))
        r.assign(root * r - (1 - root) * lr * ops.square(d) * inner)
        super()._backend_update_step(grads, trainable_variables, learning_rate)
        whole = _sum([ops.abs(s) for _, _, s, _ in kept])
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


class ScheduleFreeAdamW(_Optimizer):
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


class SAM(_Optimizer):
    """Two calls of `apply` are one update: the first climbs, the second goes back and
    descends. Before each, take the gradient on the same batch; a schedule counts both
    as one. Not for tf.distribute: the norm is that of all variables of a replica."""

    keeps = ("v", "x")

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        momentum: float = 0.9,
        radius: float = 0.05,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "radius": radius,
                "weight_decay": weight_decay,
            },
            options,
        )

    def _get_current_learning_rate(self) -> Any:
        if isinstance(
            self._learning_rate, keras.optimizers.schedules.LearningRateSchedule
        ):
            return self._learning_rate(self.iterations // 2)
        return super()._get_current_learning_rate()

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        norm = ops.sqrt(_sum([ops.square(g) for g in grads]))
        scale = ops.where(norm > 0, self.radius / norm, ops.zeros_like(norm))
        for g, variable in zip(grads, trainable_variables, strict=True):
            self.pass_step(g, variable, learning_rate, scale)

    def pass_step(
        self, g: KerasTensor, variable: keras.Variable, learning_rate: Any, scale: Any
    ) -> None:
        v, x = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        climbs = ops.equal(self.iterations % 2, 0)
        here, v_now = ops.convert_to_tensor(variable), ops.convert_to_tensor(v)
        x.assign(ops.where(climbs, here, ops.convert_to_tensor(x)))
        new = self.momentum * v + g + self.decay(variable) * x
        v.assign(ops.where(climbs, v_now, new))
        variable.assign(x + ops.where(climbs, scale * g, -lr * v))

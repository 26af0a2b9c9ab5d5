"""The optimizers as optax gradient transformations. Definitions, papers:
shared/optimizers.py.

One file to lift: it needs jax and optax, nothing of this suite. `learning_rate` is a
number or a function of the number of updates done; `mask` a tree of True and False, or
a function of the parameters that gives one: which tensors the weight decay reaches.
What a state holds None of is not needed by its settings.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

Rate = float | Callable[[Array], Any]
Mask = Any

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "learning_rate": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "momentum_decay": (0.0, math.inf),
    "decay": (0.0, 1.0),
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


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


def _used(setting: Any) -> bool:
    """Whether it may be other than 0 (it may be an array that is not known yet)."""
    return not isinstance(setting, int | float) or setting != 0


def _rate(learning_rate: Rate, t: Array) -> Any:
    """The rate of update t, counted from 1."""
    return learning_rate(t - 1) if callable(learning_rate) else learning_rate


def _decays(mask: Mask, weight_decay: float, params: Any) -> Any:
    """Each tensor's weight decay."""
    tree = mask(params) if callable(mask) else mask
    if tree is None:
        return jax.tree.map(lambda _: weight_decay, params)
    return jax.tree.map(lambda reached: weight_decay if reached else 0.0, tree)


def _zeros(params: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, params)


def _coupled(grads: Any, params: Any, mask: Mask, weight_decay: float) -> Any:
    """The gradients, weight decay in them."""
    if not _used(weight_decay):
        return grads
    decays = _decays(mask, weight_decay, params)
    return jax.tree.map(lambda g, x, d: g + d * x, grads, params, decays)


def _mean(of: Any, new: Any, beta: Any) -> Any:
    """The moving average."""
    return jax.tree.map(lambda m, g: beta * m + (1 - beta) * g, of, new)


def _mean_square(of: Any, new: Any, beta: Any) -> Any:
    return jax.tree.map(lambda v, g: beta * v + (1 - beta) * g * g, of, new)


# Gradient descent and its momenta


class SGDState(NamedTuple):
    t: Array
    v: Any


def sgd(
    learning_rate: Rate = 1e-2,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("sgd", locals())

    def init(params: Any) -> SGDState:
        v = _zeros(params) if _used(momentum) else None
        return SGDState(jnp.zeros((), jnp.int32), v)

    def update(grads: Any, state: SGDState, params: Any) -> tuple[Any, SGDState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        ahead = g = _coupled(grads, params, mask, weight_decay)
        v = None
        if _used(momentum):
            ahead = v = jax.tree.map(lambda v, g: momentum * v + g, state.v, g)
        if nesterov:
            ahead = jax.tree.map(lambda g, v: g + momentum * v, g, v)
        return jax.tree.map(lambda a: -lr * a, ahead), SGDState(t, v)

    return optax.GradientTransformation(init, update)


# Adaptive


class AdagradState(NamedTuple):
    t: Array
    G: Any


def adagrad(
    learning_rate: Rate = 1e-2,
    *,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adagrad", locals())

    def init(params: Any) -> AdagradState:
        zeros = _zeros(params)
        return AdagradState(jnp.zeros((), jnp.int32), zeros)

    def update(
        grads: Any, state: AdagradState, params: Any
    ) -> tuple[Any, AdagradState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        G = jax.tree.map(lambda G, g: G + g * g, state.G, g)
        steps = jax.tree.map(lambda G, g: -lr * g / (jnp.sqrt(G) + eps), G, g)
        return steps, AdagradState(t, G)

    return optax.GradientTransformation(init, update)


class AdadeltaState(NamedTuple):
    t: Array
    E_g: Any
    E_d: Any


def adadelta(
    learning_rate: Rate = 1.0,
    *,
    rho: float = 0.95,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adadelta", locals())

    def init(params: Any) -> AdadeltaState:
        zeros = _zeros(params)
        return AdadeltaState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(
        grads: Any, state: AdadeltaState, params: Any
    ) -> tuple[Any, AdadeltaState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        E_g = _mean_square(state.E_g, g, rho)
        d = jax.tree.map(
            lambda E_d, E_g, g: jnp.sqrt(E_d + eps) / jnp.sqrt(E_g + eps) * g,
            state.E_d,
            E_g,
            g,
        )
        E_d = _mean_square(state.E_d, d, rho)
        return jax.tree.map(lambda d: -lr * d, d), AdadeltaState(t, E_g, E_d)

    return optax.GradientTransformation(init, update)


class RMSpropState(NamedTuple):
    t: Array
    n: Any
    m: Any
    d: Any


def rmsprop(
    learning_rate: Rate = 1e-3,
    *,
    rho: float = 0.9,
    eps: float = 1e-8,
    centred: bool = False,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("rmsprop", locals())

    def init(params: Any) -> RMSpropState:
        n, m, d = (
            _zeros(params) if needed else None
            for needed in (True, centred, _used(momentum))
        )
        return RMSpropState(jnp.zeros((), jnp.int32), n, m, d)

    def update(
        grads: Any, state: RMSpropState, params: Any
    ) -> tuple[Any, RMSpropState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        n = spread = _mean_square(state.n, g, rho)
        m = _mean(state.m, g, rho) if centred else None
        if centred:
            spread = jax.tree.map(lambda n, m: n - m * m, n, m)
        step = jax.tree.map(lambda g, n: g / jnp.sqrt(n + eps), g, spread)
        d = None
        if _used(momentum):
            step = d = jax.tree.map(lambda d, s: momentum * d + s, state.d, step)
        return jax.tree.map(lambda s: -lr * s, step), RMSpropState(t, n, m, d)

    return optax.GradientTransformation(init, update)


class RpropState(NamedTuple):
    t: Array
    delta: Any
    g: Any


def rprop(
    learning_rate: Rate = 1.0,
    *,
    delta_0: float = 0.1,
    delta_min: float = 1e-6,
    delta_max: float = 50.0,
    eta_minus: float = 0.5,
    eta_plus: float = 1.2,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("rprop", locals())

    def init(params: Any) -> RpropState:
        delta = jax.tree.map(lambda x: jnp.full_like(x, delta_0), params)
        return RpropState(jnp.zeros((), jnp.int32), delta, _zeros(params))

    def update(grads: Any, state: RpropState, params: Any) -> tuple[Any, RpropState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        sign = jax.tree.map(lambda g, b: jnp.sign(g) * jnp.sign(b), g, state.g)

        def grown(delta: Array, sign: Array) -> Array:
            smaller = jnp.where(sign < 0, eta_minus, 1.0)
            eta = jnp.where(sign > 0, eta_plus, smaller)
            return jnp.clip(delta * eta.astype(delta.dtype), delta_min, delta_max)

        delta = jax.tree.map(grown, state.delta, sign)
        g = jax.tree.map(lambda g, s: jnp.where(s < 0, jnp.zeros_like(g), g), g, sign)
        steps = jax.tree.map(lambda g, delta: -lr * jnp.sign(g) * delta, g, delta)
        return steps, RpropState(t, delta, g)

    return optax.GradientTransformation(init, update)


class AdamState(NamedTuple):
    t: Array
    m: Any
    v: Any
    v_max: Any


def adam(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adam", locals())
    adapt = _adam(learning_rate, beta1, beta2, eps, amsgrad)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        return adapt.update(_coupled(grads, params, mask, weight_decay), state, params)

    return optax.GradientTransformation(adapt.init, update)


def adamw(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
    weight_decay: float = 1e-2,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adamw", locals())
    adapt = _adam(learning_rate, beta1, beta2, eps, amsgrad)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        steps, state = adapt.update(grads, state, params)
        lr = _rate(learning_rate, state.t)
        decays = _decays(mask, weight_decay, params)
        steps = jax.tree.map(lambda u, x, d: u - lr * d * x, steps, params, decays)
        return steps, state

    return optax.GradientTransformation(adapt.init, update)


def _adam(
    learning_rate: Rate, beta1: float, beta2: float, eps: float, amsgrad: bool
) -> optax.GradientTransformation:
    def init(params: Any) -> AdamState:
        m, v = _zeros(params), _zeros(params)
        v_max = _zeros(params) if amsgrad else None
        return AdamState(jnp.zeros((), jnp.int32), m, v, v_max)

    def update(g: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        m = _mean(state.m, g, beta1)
        v = _mean_square(state.v, g, beta2)
        v_max = jax.tree.map(jnp.maximum, state.v_max, v) if amsgrad else None
        scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        steps = jax.tree.map(
            lambda m, v: -lr * (m * scale1) / (jnp.sqrt(v * scale2) + eps),
            m,
            v_max if amsgrad else v,
        )
        return steps, AdamState(t, m, v, v_max)

    return optax.GradientTransformation(init, update)


class AdamaxState(NamedTuple):
    t: Array
    m: Any
    u: Any


def adamax(
    learning_rate: Rate = 2e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adamax", locals())

    def init(params: Any) -> AdamaxState:
        zeros = _zeros(params)
        return AdamaxState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(grads: Any, state: AdamaxState, params: Any) -> tuple[Any, AdamaxState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        m = _mean(state.m, g, beta1)
        u = jax.tree.map(lambda u, g: jnp.maximum(beta2 * u, jnp.abs(g)), state.u, g)
        rate = lr / (1 - beta1**t)
        steps = jax.tree.map(lambda m, u: -rate * m / (u + eps), m, u)
        return steps, AdamaxState(t, m, u)

    return optax.GradientTransformation(init, update)


class NAdamState(NamedTuple):
    t: Array
    mu: Array
    m: Any
    n: Any


def nadam(
    learning_rate: Rate = 2e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    momentum_decay: float = 4e-3,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("nadam", locals())

    def init(params: Any) -> NAdamState:
        zeros = _zeros(params)
        return NAdamState(jnp.zeros((), jnp.int32), jnp.ones(()), zeros, zeros)

    def update(grads: Any, state: NAdamState, params: Any) -> tuple[Any, NAdamState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        now, then = (
            beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1)
        )
        mu = state.mu * now
        m = _mean(state.m, g, beta1)
        n = _mean_square(state.n, g, beta2)
        of_m, of_g = then / (1 - mu * then), (1 - now) / (1 - mu)
        scale = 1 / (1 - beta2**t)

        def step(m: Array, g: Array, n: Array) -> Array:
            return -lr * (of_m * m + of_g * g) / (jnp.sqrt(n * scale) + eps)

        return jax.tree.map(step, m, g, n), NAdamState(t, mu, m, n)

    return optax.GradientTransformation(init, update)


class RAdamState(NamedTuple):
    t: Array
    m: Any
    v: Any


def radam(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("radam", locals())

    def init(params: Any) -> RAdamState:
        zeros = _zeros(params)
        return RAdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(grads: Any, state: RAdamState, params: Any) -> tuple[Any, RAdamState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        g = _coupled(grads, params, mask, weight_decay)
        m = _mean(state.m, g, beta1)
        v = _mean_square(state.v, g, beta2)
        scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        whole = 2 / (1 - beta2) - 1
        rho = whole - 2 * t * beta2**t * scale2
        share = (rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho)
        r = jnp.sqrt(jnp.maximum(share, 0.0))

        def step(m: Array, v: Array) -> Array:
            adapted = r / (jnp.sqrt(v * scale2) + eps)
            return -lr * (m * scale1) * jnp.where(rho > 4, adapted, 1.0)

        return jax.tree.map(step, m, v), RAdamState(t, m, v)

    return optax.GradientTransformation(init, update)


class LionState(NamedTuple):
    t: Array
    m: Any


def lion(
    learning_rate: Rate = 1e-4,
    *,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("lion", locals())

    def init(params: Any) -> LionState:
        zeros = _zeros(params)
        return LionState(jnp.zeros((), jnp.int32), zeros)

    def update(grads: Any, state: LionState, params: Any) -> tuple[Any, LionState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        decays = _decays(mask, weight_decay, params)
        c = _mean(state.m, grads, beta1)
        steps = jax.tree.map(
            lambda c, x, d: -lr * (jnp.sign(c) + d * x), c, params, decays
        )
        return steps, LionState(t, _mean(state.m, grads, beta2))

    return optax.GradientTransformation(init, update)


# Modern


# What bounds the gradients before an update; the other two are optax's own


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """Each tensor's norm."""

    def bound(g: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(jnp.square(g)))
        return g * jnp.where(norm > limit, limit / jnp.maximum(norm, limit), 1.0)

    return optax.stateless(lambda grads, params: jax.tree.map(bound, grads))


# What surrounds an update; accumulation is optax.MultiSteps


class EmaState(NamedTuple):
    average: Any


def ema(*, decay: float) -> optax.GradientTransformation:
    """The moving average of the parameters; the last of a chain, it changes nothing."""
    _check("ema", locals())

    def init(params: Any) -> EmaState:
        return EmaState(jax.tree.map(jnp.copy, params))

    def update(steps: Any, state: EmaState, params: Any) -> tuple[Any, EmaState]:
        new = optax.apply_updates(params, steps)
        return steps, EmaState(_mean(state.average, new, decay))

    return optax.GradientTransformation(init, update)

"""The optimizers as optax gradient transformations. Definitions, papers:
shared/definitions/optimizers.py.

One file to lift: it needs jax and optax, nothing of this suite. `learning_rate` is a
number or a function of the number of updates done; `mask` a tree of True and False, or
a function of the parameters that gives one: which tensors the weight decay reaches.
What a state holds None of is not needed by its settings.
"""

import functools
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


def _each(number: int, f: Callable[..., Any], params: Any, *trees: Any) -> list[Any]:
    """f of every tensor; its results, `number` of them and in the tensor's precision,
    as a tree each. A tree may hold None for a tensor."""
    leaves, structure = jax.tree.flatten(params)
    rest = [structure.flatten_up_to(tree) for tree in trees]
    found = [
        jax.tree.map(lambda a, x=x: a.astype(x.dtype), f(x, *arguments))
        for x, *arguments in zip(leaves, *rest, strict=True)
    ]
    columns = zip(*found, strict=True) if found else [()] * number
    return [structure.unflatten(column) for column in columns]


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
        return AdagradState(jnp.zeros((), jnp.int32), _zeros(params))

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
        return AdadeltaState(jnp.zeros((), jnp.int32), _zeros(params), _zeros(params))

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
        return AdamaxState(jnp.zeros((), jnp.int32), _zeros(params), _zeros(params))

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
        return NAdamState(
            jnp.zeros((), jnp.int32), jnp.ones(()), _zeros(params), _zeros(params)
        )

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
        return RAdamState(jnp.zeros((), jnp.int32), _zeros(params), _zeros(params))

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
        return LionState(jnp.zeros((), jnp.int32), _zeros(params))

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


def _norm(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(x)))


def _sum(tree: Any) -> Any:
    return sum(jnp.sum(x) for x in jax.tree.leaves(tree))


def _reached(mask: Mask, params: Any) -> Any:
    """Which tensors the weight decay reaches."""
    tree = mask(params) if callable(mask) else mask
    return jax.tree.map(lambda _: True, params) if tree is None else tree


def _start(number: int) -> Callable[[Array], Any]:
    return lambda x: [jnp.zeros_like(x) for _ in range(number)]


def _per_tensor(
    kind: Any, learning_rate: Rate, mask: Mask, start: Any, step: Any
) -> optax.GradientTransformation:
    """What is kept of a tensor is start(x), its update and what is kept then
    step(t, lr, reached, x, g, *kept); reached: by weight decay."""
    number = len(kind._fields) - 1

    def init(params: Any) -> Any:
        return kind(jnp.zeros((), jnp.int32), *_each(number, start, params))

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        t, (_, *kept) = state.t + 1, state
        one = functools.partial(step, t, _rate(learning_rate, t))
        reached = _reached(mask, params)

        def swapped(x: Array, reached: bool, *rest: Any) -> Any:
            return one(reached, x, *rest)

        steps, *kept = _each(number + 1, swapped, params, reached, grads, *kept)
        return steps, kind(t, *kept)

    return optax.GradientTransformation(init, update)


class LARSState(NamedTuple):
    t: Array
    v: Any


def lars(
    learning_rate: Rate = 1.0,
    *,
    momentum: float = 0.9,
    coefficient: float = 1e-3,
    trust: bool = True,
    weight_decay: float = 5e-4,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """What `mask` leaves out is without the ratio as well, as the authors have it."""
    _check("lars", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, v: Array
    ) -> tuple[Array, ...]:
        d = weight_decay if reached else 0.0
        u = g + d * x
        if trust and reached:
            length, whole = _norm(x), _norm(g) + d * _norm(x)
            u = jnp.where(length * whole > 0, coefficient * length / whole, 1.0) * u
        v = momentum * v + lr * u
        return -v, v

    return _per_tensor(LARSState, learning_rate, mask, _start(1), step)


class LAMBState(NamedTuple):
    t: Array
    m: Any
    v: Any


def lamb(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-6,
    trust: bool = True,
    weight_decay: float = 1e-2,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """What `mask` leaves out is without the ratio as well, as the authors have it."""
    _check("lamb", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, v: Array
    ) -> tuple[Array, ...]:
        u, m, v = _adam_step(g, m, v, t, beta1, beta2, eps)
        u = u + weight_decay * x if reached else u
        if trust and reached:
            length, whole = _norm(x), _norm(u)
            u = jnp.where(length * whole > 0, length / whole, 1.0) * u
        return -lr * u, m, v

    return _per_tensor(LAMBState, learning_rate, mask, _start(2), step)


def _adam_step(
    g: Array, m: Array, v: Array, t: Array, beta1: float, beta2: float, eps: float
) -> tuple[Array, Array, Array]:
    """Adam's step, before the learning rate, and its averages."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
    return m * scale1 / (jnp.sqrt(v * scale2) + eps), m, v


class AdafactorState(NamedTuple):
    t: Array
    r: Any
    c: Any
    v: Any


def adafactor(
    learning_rate: Rate = 1e-2,
    *,
    power: float = 0.8,
    eps1: float = 1e-30,
    eps2: float = 1e-3,
    limit: float = 1.0,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adafactor", locals())

    def start(x: Array) -> Any:
        if x.ndim != 2:
            return None, None, jnp.zeros_like(x)
        return jnp.zeros_like(x[:, 0]), jnp.zeros_like(x[0]), None

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, *s: Any
    ) -> tuple[Any, ...]:
        d, root = weight_decay if reached else 0.0, x.size**0.5
        s, v = _squares(jnp.square(g) + eps1, 1 - t**-power, *s)
        u = g / jnp.sqrt(v)
        u = u / jnp.maximum(_norm(u) / root / limit, 1.0)
        alpha = jnp.maximum(_norm(x) / root, eps2) * jnp.minimum(lr, t**-0.5)
        return -lr * d * x - alpha * u, *s

    return _per_tensor(AdafactorState, learning_rate, mask, start, step)


def _squares(square: Array, keep: Array, r: Any, c: Any, v: Any) -> tuple[Any, Array]:
    """The averages of one tensor's squares, factored where it is a matrix."""
    if v is not None:
        v = keep * v + (1 - keep) * square
        return (None, None, v), v
    r = keep * r + (1 - keep) * jnp.sum(square, 1)
    c = keep * c + (1 - keep) * jnp.sum(square, 0)
    return (r, c, None), jnp.outer(r, c) / jnp.sum(r)


class AdanState(NamedTuple):
    t: Array
    m: Any
    v: Any
    n: Any
    g: Any


def adan(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.98,
    beta2: float = 0.92,
    beta3: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 2e-2,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adan", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, *s: Array
    ) -> tuple[Array, ...]:
        m, v, n, before = s
        decay = weight_decay if reached else 0.0
        d = jnp.where(t > 1, g - before, 0.0)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * d
        n = beta3 * n + (1 - beta3) * jnp.square(g + beta2 * d)
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        n_hat = n / (1 - beta3**t)
        u = (m_hat + beta2 * v_hat) / (jnp.sqrt(n_hat) + eps)
        return -lr * (u + decay * x) / (1 + lr * decay), m, v, n, g

    return _per_tensor(AdanState, learning_rate, mask, _start(4), step)


class SophiaGState(NamedTuple):
    t: Array
    m: Any
    h: Any


def sophiag(
    learning_rate: Rate = 1e-4,
    *,
    beta1: float = 0.96,
    beta2: float = 0.99,
    gamma: float = 0.05,
    eps: float = 1e-12,
    every: int = 10,
    batch_size: int = 1,
    weight_decay: float = 0.1,
    mask: Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """`update` takes `estimate` besides: the gradients of the mean loss over
    `batch_size` examples (tokens, in a language model) with labels drawn from the
    model's own outputs. It is due where `state.t % every` is 0, and looked at only
    there."""
    _check("sophiag", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, h: Array
    ) -> tuple[Array, ...]:
        d = weight_decay if reached else 0.0
        m = beta1 * m + (1 - beta1) * g
        u = jnp.clip(m / jnp.maximum(gamma * h, eps), -1.0, 1.0)
        return -lr * (d * x + u), m, h

    plain = _per_tensor(SophiaGState, learning_rate, mask, _start(2), step)

    def update(
        grads: Any, state: Any, params: Any, *, estimate: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        if estimate is not None:
            share = (1 - beta2) * batch_size
            new = jax.tree.map(
                lambda h, g: beta2 * h + share * g * g, state.h, estimate
            )
            due = state.t % every == 0
            h = jax.tree.map(lambda new, h: jnp.where(due, new, h), new, state.h)
            state = state._replace(h=h)
        return plain.update(grads, state, params)

    return optax.GradientTransformationExtraArgs(plain.init, update)


class MuonState(NamedTuple):
    t: Array
    m: Any
    v: Any


def muon(
    learning_rate: Rate = 1e-3,
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
    weight_decay: float = 0.1,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """Tensors that are no matrices are AdamW's. So should be, by optax.partition, an
    embedding and the last layer, as the authors have it."""
    _check("muon", locals())

    def start(x: Array) -> Any:
        return jnp.zeros_like(x), None if x.ndim == 2 else jnp.zeros_like(x)

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, v: Any
    ) -> tuple[Any, ...]:
        d = weight_decay if reached else 0.0
        if v is None:
            m = momentum * m + g
            u = orthogonal(g + momentum * m if nesterov else m, steps, eps)
            u = 0.2 * math.sqrt(max(x.shape)) * u
        else:
            u, m, v = _adam_step(g, m, v, t, beta1, beta2, eps)
        return -lr * (d * x + u), m, v

    return _per_tensor(MuonState, learning_rate, mask, start, step)


def orthogonal(m: Array, steps: int, eps: float) -> Array:
    """Newton and Schulz's iteration: singular values come near 1."""
    if m.shape[0] > m.shape[1]:
        return orthogonal(m.T, steps, eps).T
    o = m / (_norm(m) + eps)
    for _ in range(steps):
        a = o @ o.T
        o = 3.4445 * o + (-4.7750 * a + 2.0315 * a @ a) @ o
    return o


class ShampooState(NamedTuple):
    t: Array
    m: Any
    l: Any  # noqa: E741
    r: Any
    v: Any


def shampoo(
    learning_rate: Rate = 1e-1,
    *,
    momentum: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("shampoo", locals())

    def start(x: Array) -> Any:
        if x.ndim != 2:
            return jnp.zeros_like(x), None, None, jnp.zeros_like(x)
        return jnp.zeros_like(x), *(jnp.zeros((n, n), x.dtype) for n in x.shape), None

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, *s: Any
    ) -> tuple[Any, ...]:
        (m, left, right, v), d = s, weight_decay if reached else 0.0
        m = momentum * m + (1 - momentum) * g
        if v is None:
            left, right = left + g @ g.T, right + g.T @ g
            u = _root(left, eps) @ m @ _root(right, eps)
        else:
            v = v + jnp.square(g)
            u = m * _power(v, -1 / 2, eps)
        return -lr * (d * x + u), m, left, right, v

    return _per_tensor(ShampooState, learning_rate, mask, start, step)


def _root(a: Array, eps: float) -> Array:
    """a to the power -1/4."""
    values, vectors = jnp.linalg.eigh(a)
    return (vectors * _power(jnp.maximum(values, 0.0), -1 / 4, eps)) @ vectors.T


def _power(values: Array, exponent: float, eps: float) -> Array:
    """0 where there was no gradient yet."""
    largest = jnp.max(values)
    return jnp.where(largest > 0, (values + eps * largest) ** exponent, 0.0)


class ProdigyState(NamedTuple):
    t: Array
    m: Any
    v: Any
    s: Any
    p: Any
    d: Array
    r: Array


def prodigy(
    learning_rate: Rate = 1.0,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    d0: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("prodigy", locals())
    root = beta2**0.5

    def init(params: Any) -> ProdigyState:
        m, v, s, p = (_zeros(params) for _ in range(4))
        dtype = jnp.result_type(*jax.tree.leaves(params), jnp.bfloat16)
        d, r = jnp.asarray(d0, dtype), jnp.zeros((), dtype)
        return ProdigyState(jnp.zeros((), jnp.int32), m, v, s, p, d, r)

    def update(
        grads: Any, state: ProdigyState, params: Any
    ) -> tuple[Any, ProdigyState]:
        t, (_, *kept, d, r) = state.t + 1, state
        lr = _rate(learning_rate, t)
        inner = _sum(jax.tree.map(lambda g, p: g * p, grads, state.p))
        r = (root * r - (1 - root) * lr * d**2 * inner).astype(r.dtype)

        def step(
            x: Array, g: Array, m: Array, v: Array, s: Array, p: Array, decay: float
        ) -> Any:
            m = beta1 * m + (1 - beta1) * d * g
            v = beta2 * v + (1 - beta2) * d**2 * g**2
            s = root * s + (1 - root) * lr * d**2 * g
            u = -lr * d * (decay * x + m / (jnp.sqrt(v) + d * eps))
            return u, m, v, s, p + u

        decays = _decays(mask, weight_decay, params)
        steps, m, v, s, p = _each(5, step, params, grads, *kept, decays)
        whole = _sum(jax.tree.map(jnp.abs, s))
        d_hat = jnp.where(whole > 0, r / whole, 0.0).astype(d.dtype)
        return steps, ProdigyState(t, m, v, s, p, jnp.maximum(d, d_hat), r)

    return optax.GradientTransformation(init, update)


class ScheduleFreeAdamWState(NamedTuple):
    t: Array
    z: Any
    v: Any
    largest: Array
    whole: Array


def schedule_free_adamw(
    learning_rate: Rate = 2.5e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """The parameters to evaluate with are schedule_free_evaluated's."""
    _check("schedule_free_adamw", locals())
    if not _used(beta1):
        reason = f"beta1 is {beta1!r}; allowed: above 0, below 1"
        raise ValueError(f"schedule_free_adamw: {reason}")

    def init(params: Any) -> ScheduleFreeAdamWState:
        z = jax.tree.map(jnp.array, params)  # a copy: both may be donated
        dtype = jnp.result_type(*jax.tree.leaves(params), jnp.bfloat16)
        zeros = jnp.zeros((), dtype), jnp.zeros((), dtype)
        t = jnp.zeros((), jnp.int32)
        return ScheduleFreeAdamWState(t, z, _zeros(params), *zeros)

    def update(
        grads: Any, state: ScheduleFreeAdamWState, params: Any
    ) -> tuple[Any, ScheduleFreeAdamWState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        largest = jnp.maximum(state.largest, lr).astype(state.largest.dtype)
        whole = state.whole + largest**2
        c = jnp.where(whole > 0, largest**2 / whole, 0.0)

        def step(y: Array, g: Array, z: Array, v: Array, d: float) -> Any:
            x = (y - (1 - beta1) * z) / beta1
            v = beta2 * v + (1 - beta2) * g * g
            z = z - lr * (g / (jnp.sqrt(v / (1 - beta2**t)) + eps) + d * y)
            x = (1 - c) * x + c * z
            return (1 - beta1) * z + beta1 * x - y, z, v

        decays = _decays(mask, weight_decay, params)
        steps, z, v = _each(3, step, params, grads, state.z, state.v, decays)
        return steps, ScheduleFreeAdamWState(t, z, v, largest, whole)

    return optax.GradientTransformation(init, update)


def schedule_free_evaluated(
    params: Any, state: ScheduleFreeAdamWState, beta1: float = 0.9
) -> Any:
    """The parameters to evaluate with."""
    return jax.tree.map(lambda y, z: (y - (1 - beta1) * z) / beta1, params, state.z)


class SAMState(NamedTuple):
    t: Array
    v: Any
    x: Any


def sam(
    learning_rate: Rate = 1e-2,
    *,
    momentum: float = 0.9,
    radius: float = 0.05,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """Two updates are one: the first climbs, the second goes back and descends. Before
    each, take the gradient on the same batch; a schedule counts both as one."""
    _check("sam", locals())

    def init(params: Any) -> SAMState:
        x = jax.tree.map(jnp.array, params)  # a copy: both may be donated
        return SAMState(jnp.zeros((), jnp.int32), _zeros(params), x)

    def update(grads: Any, state: SAMState, params: Any) -> tuple[Any, SAMState]:
        t = state.t + 1
        lr, climbs = _rate(learning_rate, (t + 1) // 2), t % 2 == 1
        norm = jnp.sqrt(_sum(jax.tree.map(jnp.square, grads)))
        scale = jnp.where(norm > 0, radius / norm, 0.0)

        def step(here: Array, g: Array, v: Array, x: Array, d: float) -> Any:
            x = jnp.where(climbs, here, x)
            v = jnp.where(climbs, v, momentum * v + g + d * x)
            # DIFF(optax-adds): going back takes the climb away again, but for rounding.
            return jnp.where(climbs, scale * g, x - here - lr * v), v, x

        decays = _decays(mask, weight_decay, params)
        steps, v, x = _each(3, step, params, grads, state.v, state.x, decays)
        return steps, SAMState(t, v, x)

    return optax.GradientTransformation(init, update)


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

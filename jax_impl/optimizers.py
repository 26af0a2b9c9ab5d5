"""The optimizers as optax gradient transformations. Definitions, papers:
shared/optimizers.py.

One file to lift: it needs jax and optax, nothing of this suite. `learning_rate` is a
number or a function of the number of updates done; `mask` a tree of True and False, or
a function of the parameters that gives one: which tensors the weight decay reaches.
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
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


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
        return SGDState(jnp.zeros((), jnp.int32), _zeros(params))

    def update(grads: Any, state: SGDState, params: Any) -> tuple[Any, SGDState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        decays = _decays(mask, weight_decay, params)
        g = jax.tree.map(lambda g, x, d: g + d * x, grads, params, decays)
        v = jax.tree.map(lambda v, g: momentum * v + g, state.v, g)
        ahead = jax.tree.map(lambda g, v: g + momentum * v, g, v) if nesterov else v
        return jax.tree.map(lambda a: -lr * a, ahead), SGDState(t, v)

    return optax.GradientTransformation(init, update)


# Adaptive


class AdamState(NamedTuple):
    t: Array
    m: Any
    v: Any


def adam(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adam", locals())
    adapt = _adam(learning_rate, beta1, beta2, eps)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        decays = _decays(mask, weight_decay, params)
        g = jax.tree.map(lambda g, x, d: g + d * x, grads, params, decays)
        return adapt.update(g, state, params)

    return optax.GradientTransformation(adapt.init, update)


def adamw(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    mask: Mask = None,
) -> optax.GradientTransformation:
    _check("adamw", locals())
    adapt = _adam(learning_rate, beta1, beta2, eps)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        steps, state = adapt.update(grads, state, params)
        lr = _rate(learning_rate, state.t)
        decays = _decays(mask, weight_decay, params)
        steps = jax.tree.map(lambda u, x, d: u - lr * d * x, steps, params, decays)
        return steps, state

    return optax.GradientTransformation(adapt.init, update)


def _adam(
    learning_rate: Rate, beta1: float, beta2: float, eps: float
) -> optax.GradientTransformation:
    def init(params: Any) -> AdamState:
        return AdamState(jnp.zeros((), jnp.int32), _zeros(params), _zeros(params))

    def update(g: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        t = state.t + 1
        lr = _rate(learning_rate, t)
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, state.m, g)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, state.v, g)
        scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        steps = jax.tree.map(
            lambda m, v: -lr * (m * scale1) / (jnp.sqrt(v * scale2) + eps), m, v
        )
        return steps, AdamState(t, m, v)

    return optax.GradientTransformation(init, update)


# Modern


# What bounds the gradients before an update; the other two are optax's own


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """Each tensor's norm."""

    def bound(g: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(jnp.square(g)))
        return g * jnp.where(norm > limit, limit / jnp.maximum(norm, limit), 1.0)

    return optax.stateless(lambda grads, params: jax.tree.map(bound, grads))

"""Rprop in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, rate_of, zeros_like


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
    check("rprop", locals())

    def init(params: Any) -> RpropState:
        delta = jax.tree.map(lambda x: jnp.full_like(x, delta_0), params)
        return RpropState(jnp.zeros((), jnp.int32), delta, zeros_like(params))

    def update(grads: Any, state: RpropState, params: Any) -> tuple[Any, RpropState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
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

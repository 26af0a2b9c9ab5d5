"""RMSprop in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import (
    Mask,
    Rate,
    check,
    coupled,
    mean,
    mean_square,
    rate_of,
    used,
    zeros_like,
)


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
    check("rmsprop", locals())

    def init(params: Any) -> RMSpropState:
        n, m, d = (
            zeros_like(params) if needed else None
            for needed in (True, centred, used(momentum))
        )
        return RMSpropState(jnp.zeros((), jnp.int32), n, m, d)

    def update(
        grads: Any, state: RMSpropState, params: Any
    ) -> tuple[Any, RMSpropState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        n = spread = mean_square(state.n, g, rho)
        m = mean(state.m, g, rho) if centred else None
        if centred:
            spread = jax.tree.map(lambda n, m: n - m * m, n, m)
        step = jax.tree.map(lambda g, n: g / jnp.sqrt(n + eps), g, spread)
        d = None
        if used(momentum):
            step = d = jax.tree.map(lambda d, s: momentum * d + s, state.d, step)
        return jax.tree.map(lambda s: -lr * s, step), RMSpropState(t, n, m, d)

    return optax.GradientTransformation(init, update)

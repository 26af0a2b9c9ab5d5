"""Gradient descent and its momenta in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, rate_of, used, zeros_like


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
    check("sgd", locals())

    def init(params: Any) -> SGDState:
        v = zeros_like(params) if used(momentum) else None
        return SGDState(jnp.zeros((), jnp.int32), v)

    def update(grads: Any, state: SGDState, params: Any) -> tuple[Any, SGDState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        ahead = g = coupled(grads, params, mask, weight_decay)
        v = None
        if used(momentum):
            ahead = v = jax.tree.map(lambda v, g: momentum * v + g, state.v, g)
        if nesterov:
            ahead = jax.tree.map(lambda g, v: g + momentum * v, g, v)
        return jax.tree.map(lambda a: -lr * a, ahead), SGDState(t, v)

    return optax.GradientTransformation(init, update)

"""Adamax in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, mean, rate_of, zeros_like


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
    check("adamax", locals())

    def init(params: Any) -> AdamaxState:
        return AdamaxState(
            jnp.zeros((), jnp.int32), zeros_like(params), zeros_like(params)
        )

    def update(grads: Any, state: AdamaxState, params: Any) -> tuple[Any, AdamaxState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        m = mean(state.m, g, beta1)
        u = jax.tree.map(lambda u, g: jnp.maximum(beta2 * u, jnp.abs(g)), state.u, g)
        rate = lr / (1 - beta1**t)
        steps = jax.tree.map(lambda m, u: -rate * m / (u + eps), m, u)
        return steps, AdamaxState(t, m, u)

    return optax.GradientTransformation(init, update)

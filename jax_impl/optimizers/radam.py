"""RAdam in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, mean, mean_square, rate_of, zeros_like


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
    check("radam", locals())

    def init(params: Any) -> RAdamState:
        return RAdamState(
            jnp.zeros((), jnp.int32), zeros_like(params), zeros_like(params)
        )

    def update(grads: Any, state: RAdamState, params: Any) -> tuple[Any, RAdamState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        m = mean(state.m, g, beta1)
        v = mean_square(state.v, g, beta2)
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

"""NAdam in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, mean, mean_square, rate_of, zeros_like


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
    check("nadam", locals())

    def init(params: Any) -> NAdamState:
        return NAdamState(
            jnp.zeros((), jnp.int32),
            jnp.ones(()),
            zeros_like(params),
            zeros_like(params),
        )

    def update(grads: Any, state: NAdamState, params: Any) -> tuple[Any, NAdamState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        now, then = (
            beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1)
        )
        mu = state.mu * now
        m = mean(state.m, g, beta1)
        n = mean_square(state.n, g, beta2)
        of_m, of_g = then / (1 - mu * then), (1 - now) / (1 - mu)
        scale = 1 / (1 - beta2**t)

        def step(m: Array, g: Array, n: Array) -> Array:
            return -lr * (of_m * m + of_g * g) / (jnp.sqrt(n * scale) + eps)

        return jax.tree.map(step, m, g, n), NAdamState(t, mu, m, n)

    return optax.GradientTransformation(init, update)

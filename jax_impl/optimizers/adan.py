"""Adan in JAX."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, per_tensor, zeros


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
    check("adan", locals())

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

    return per_tensor(AdanState, learning_rate, mask, zeros(4), step)

"""LAMB in JAX."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, adam_step, check, norm, per_tensor, zeros


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
    check("lamb", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, v: Array
    ) -> tuple[Array, ...]:
        u, m, v = adam_step(g, m, v, t, beta1, beta2, eps)
        u = u + weight_decay * x if reached else u
        if trust and reached:
            length, whole = norm(x), norm(u)
            u = jnp.where(length * whole > 0, length / whole, 1.0) * u
        return -lr * u, m, v

    return per_tensor(LAMBState, learning_rate, mask, zeros(2), step)

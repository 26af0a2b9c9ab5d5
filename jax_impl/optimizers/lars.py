"""LARS in JAX."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, norm, per_tensor, zeros


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
    check("lars", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, v: Array
    ) -> tuple[Array, ...]:
        d = weight_decay if reached else 0.0
        u = g + d * x
        if trust and reached:
            length, whole = norm(x), norm(g) + d * norm(x)
            u = jnp.where(length * whole > 0, coefficient * length / whole, 1.0) * u
        v = momentum * v + lr * u
        return -v, v

    return per_tensor(LARSState, learning_rate, mask, zeros(1), step)

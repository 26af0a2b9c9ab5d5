"""Adafactor in JAX."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, norm, per_tensor


class AdafactorState(NamedTuple):
    t: Array
    r: Any
    c: Any
    v: Any


def adafactor(
    learning_rate: Rate = 1e-2,
    *,
    power: float = 0.8,
    eps1: float = 1e-30,
    eps2: float = 1e-3,
    limit: float = 1.0,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("adafactor", locals())

    def start(x: Array) -> Any:
        if x.ndim != 2:
            return None, None, jnp.zeros_like(x)
        return jnp.zeros_like(x[:, 0]), jnp.zeros_like(x[0]), None

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, *s: Any
    ) -> tuple[Any, ...]:
        d, root = weight_decay if reached else 0.0, x.size**0.5
        s, v = _squares(jnp.square(g) + eps1, 1 - t**-power, *s)
        u = g / jnp.sqrt(v)
        u = u / jnp.maximum(norm(u) / root / limit, 1.0)
        alpha = jnp.maximum(norm(x) / root, eps2) * jnp.minimum(lr, t**-0.5)
        return -lr * d * x - alpha * u, *s

    return per_tensor(AdafactorState, learning_rate, mask, start, step)


def _squares(square: Array, keep: Array, r: Any, c: Any, v: Any) -> tuple[Any, Array]:
    """The averages of one tensor's squares, factored where it is a matrix."""
    if v is not None:
        v = keep * v + (1 - keep) * square
        return (None, None, v), v
    r = keep * r + (1 - keep) * jnp.sum(square, 1)
    c = keep * c + (1 - keep) * jnp.sum(square, 0)
    return (r, c, None), jnp.outer(r, c) / jnp.sum(r)

"""Shampoo in JAX."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, per_tensor


class ShampooState(NamedTuple):
    t: Array
    m: Any
    l: Any  # noqa: E741
    r: Any
    v: Any


def shampoo(
    learning_rate: Rate = 1e-1,
    *,
    momentum: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("shampoo", locals())

    def start(x: Array) -> Any:
        if x.ndim != 2:
            return jnp.zeros_like(x), None, None, jnp.zeros_like(x)
        return jnp.zeros_like(x), *(jnp.zeros((n, n), x.dtype) for n in x.shape), None

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, *s: Any
    ) -> tuple[Any, ...]:
        (m, left, right, v), d = s, weight_decay if reached else 0.0
        m = momentum * m + (1 - momentum) * g
        if v is None:
            left, right = left + g @ g.T, right + g.T @ g
            u = _root(left, eps) @ m @ _root(right, eps)
        else:
            v = v + jnp.square(g)
            u = m * _power(v, -1 / 2, eps)
        return -lr * (d * x + u), m, left, right, v

    return per_tensor(ShampooState, learning_rate, mask, start, step)


def _root(a: Array, eps: float) -> Array:
    """Raise a matrix to the power -1/4."""
    values, vectors = jnp.linalg.eigh(a)
    return (vectors * _power(jnp.maximum(values, 0.0), -1 / 4, eps)) @ vectors.T


def _power(values: Array, exponent: float, eps: float) -> Array:
    """Raise ridged values to a power; 0 stays 0, where no gradient was yet."""
    largest = jnp.max(values)
    return jnp.where(largest > 0, (values + eps * largest) ** exponent, 0.0)

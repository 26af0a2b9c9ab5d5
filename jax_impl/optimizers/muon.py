"""Muon in JAX."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, adam_step, check, norm, per_tensor


class MuonState(NamedTuple):
    t: Array
    m: Any
    v: Any


def muon(
    learning_rate: Rate = 1e-3,
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
    weight_decay: float = 0.1,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """Tensors that are no matrices are AdamW's. So should be, by optax.partition, an
    embedding and the last layer, as the authors have it."""
    check("muon", locals())

    def start(x: Array) -> Any:
        return jnp.zeros_like(x), None if x.ndim == 2 else jnp.zeros_like(x)

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, v: Any
    ) -> tuple[Any, ...]:
        d = weight_decay if reached else 0.0
        if v is None:
            m = momentum * m + g
            u = orthogonal(g + momentum * m if nesterov else m, steps, eps)
            u = 0.2 * math.sqrt(max(x.shape)) * u
        else:
            u, m, v = adam_step(g, m, v, t, beta1, beta2, eps)
        return -lr * (d * x + u), m, v

    return per_tensor(MuonState, learning_rate, mask, start, step)


def orthogonal(m: Array, steps: int, eps: float) -> Array:
    """Bring singular values near 1, by Newton and Schulz's iteration."""
    if m.shape[0] > m.shape[1]:
        return orthogonal(m.T, steps, eps).T
    o = m / (norm(m) + eps)
    for _ in range(steps):
        a = o @ o.T
        o = 3.4445 * o + (-4.7750 * a + 2.0315 * a @ a) @ o
    return o

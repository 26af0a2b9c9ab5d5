"""Sophia-G in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, per_tensor, zeros


class SophiaGState(NamedTuple):
    t: Array
    m: Any
    h: Any


def sophiag(
    learning_rate: Rate = 1e-4,
    *,
    beta1: float = 0.96,
    beta2: float = 0.99,
    gamma: float = 0.05,
    eps: float = 1e-12,
    every: int = 10,
    batch_size: int = 1,
    weight_decay: float = 0.1,
    mask: Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """`update` takes `estimate` besides: the gradients of the mean loss over
    `batch_size` examples (tokens, in a language model) with labels drawn from the
    model's own outputs. It is due where `state.t % every` is 0, and looked at only
    there."""
    check("sophiag", locals())

    def step(
        t: Array, lr: Any, reached: bool, x: Array, g: Array, m: Array, h: Array
    ) -> tuple[Array, ...]:
        d = weight_decay if reached else 0.0
        m = beta1 * m + (1 - beta1) * g
        u = jnp.clip(m / jnp.maximum(gamma * h, eps), -1.0, 1.0)
        return -lr * (d * x + u), m, h

    plain = per_tensor(SophiaGState, learning_rate, mask, zeros(2), step)

    def update(
        grads: Any, state: Any, params: Any, *, estimate: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        if estimate is not None:
            share = (1 - beta2) * batch_size
            new = jax.tree.map(
                lambda h, g: beta2 * h + share * g * g, state.h, estimate
            )
            due = state.t % every == 0
            h = jax.tree.map(lambda new, h: jnp.where(due, new, h), new, state.h)
            state = state._replace(h=h)
        return plain.update(grads, state, params)

    return optax.GradientTransformationExtraArgs(plain.init, update)

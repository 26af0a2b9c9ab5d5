"""Adagrad in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, rate_of, zeros_like


class AdagradState(NamedTuple):
    t: Array
    G: Any


def adagrad(
    learning_rate: Rate = 1e-2,
    *,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("adagrad", locals())

    def init(params: Any) -> AdagradState:
        return AdagradState(jnp.zeros((), jnp.int32), zeros_like(params))

    def update(
        grads: Any, state: AdagradState, params: Any
    ) -> tuple[Any, AdagradState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        G = jax.tree.map(lambda G, g: G + g * g, state.G, g)
        steps = jax.tree.map(lambda G, g: -lr * g / (jnp.sqrt(G) + eps), G, g)
        return steps, AdagradState(t, G)

    return optax.GradientTransformation(init, update)

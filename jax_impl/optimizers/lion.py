"""Lion in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, decay_of_each, mean, rate_of, zeros_like


class LionState(NamedTuple):
    t: Array
    m: Any


def lion(
    learning_rate: Rate = 1e-4,
    *,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("lion", locals())

    def init(params: Any) -> LionState:
        return LionState(jnp.zeros((), jnp.int32), zeros_like(params))

    def update(grads: Any, state: LionState, params: Any) -> tuple[Any, LionState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        decays = decay_of_each(mask, weight_decay, params)
        c = mean(state.m, grads, beta1)
        steps = jax.tree.map(
            lambda c, x, d: -lr * (jnp.sign(c) + d * x), c, params, decays
        )
        return steps, LionState(t, mean(state.m, grads, beta2))

    return optax.GradientTransformation(init, update)

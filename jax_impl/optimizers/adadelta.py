"""Adadelta in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, mean_square, rate_of, zeros_like


class AdadeltaState(NamedTuple):
    t: Array
    E_g: Any
    E_d: Any


def adadelta(
    learning_rate: Rate = 1.0,
    *,
    rho: float = 0.95,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("adadelta", locals())

    def init(params: Any) -> AdadeltaState:
        return AdadeltaState(
            jnp.zeros((), jnp.int32), zeros_like(params), zeros_like(params)
        )

    def update(
        grads: Any, state: AdadeltaState, params: Any
    ) -> tuple[Any, AdadeltaState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        g = coupled(grads, params, mask, weight_decay)
        E_g = mean_square(state.E_g, g, rho)
        d = jax.tree.map(
            lambda E_d, E_g, g: jnp.sqrt(E_d + eps) / jnp.sqrt(E_g + eps) * g,
            state.E_d,
            E_g,
            g,
        )
        E_d = mean_square(state.E_d, d, rho)
        return jax.tree.map(lambda d: -lr * d, d), AdadeltaState(t, E_g, E_d)

    return optax.GradientTransformation(init, update)

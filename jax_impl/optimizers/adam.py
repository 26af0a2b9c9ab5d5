"""Adam and AMSGrad in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, coupled, mean, mean_square, rate_of, zeros_like


class AdamState(NamedTuple):
    t: Array
    m: Any
    v: Any
    v_max: Any


def adam(
    learning_rate: Rate = 1e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    amsgrad: bool = False,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("adam", locals())
    adapt = undecayed(learning_rate, beta1, beta2, eps, amsgrad)

    def update(grads: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        return adapt.update(coupled(grads, params, mask, weight_decay), state, params)

    return optax.GradientTransformation(adapt.init, update)


def undecayed(
    learning_rate: Rate, beta1: float, beta2: float, eps: float, amsgrad: bool
) -> optax.GradientTransformation:
    def init(params: Any) -> AdamState:
        m, v = zeros_like(params), zeros_like(params)
        v_max = zeros_like(params) if amsgrad else None
        return AdamState(jnp.zeros((), jnp.int32), m, v, v_max)

    def update(g: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        m = mean(state.m, g, beta1)
        v = mean_square(state.v, g, beta2)
        v_max = jax.tree.map(jnp.maximum, state.v_max, v) if amsgrad else None
        scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        steps = jax.tree.map(
            lambda m, v: -lr * (m * scale1) / (jnp.sqrt(v * scale2) + eps),
            m,
            v_max if amsgrad else v,
        )
        return steps, AdamState(t, m, v, v_max)

    return optax.GradientTransformation(init, update)

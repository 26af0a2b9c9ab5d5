"""Prodigy in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, decay_of_each, each, rate_of, total, zeros_like


class ProdigyState(NamedTuple):
    t: Array
    m: Any
    v: Any
    s: Any
    p: Any
    d: Array
    r: Array


def prodigy(
    learning_rate: Rate = 1.0,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    d0: float = 1e-6,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    check("prodigy", locals())
    root = beta2**0.5

    def init(params: Any) -> ProdigyState:
        m, v, s, p = (zeros_like(params) for _ in range(4))
        dtype = jnp.result_type(*jax.tree.leaves(params), jnp.bfloat16)
        d, r = jnp.asarray(d0, dtype), jnp.zeros((), dtype)
        return ProdigyState(jnp.zeros((), jnp.int32), m, v, s, p, d, r)

    def update(
        grads: Any, state: ProdigyState, params: Any
    ) -> tuple[Any, ProdigyState]:
        t, (_, *kept, d, r) = state.t + 1, state
        lr = rate_of(learning_rate, t)
        inner = total(jax.tree.map(lambda g, p: g * p, grads, state.p))
        r = (root * r - (1 - root) * lr * d**2 * inner).astype(r.dtype)

        def step(
            x: Array, g: Array, m: Array, v: Array, s: Array, p: Array, decay: float
        ) -> Any:
            m = beta1 * m + (1 - beta1) * d * g
            v = beta2 * v + (1 - beta2) * d**2 * g**2
            s = root * s + (1 - root) * lr * d**2 * g
            u = -lr * d * (decay * x + m / (jnp.sqrt(v) + d * eps))
            return u, m, v, s, p + u

        decays = decay_of_each(mask, weight_decay, params)
        steps, m, v, s, p = each(5, step, params, grads, *kept, decays)
        whole = total(jax.tree.map(jnp.abs, s))
        d_hat = jnp.where(whole > 0, r / whole, 0.0).astype(d.dtype)
        return steps, ProdigyState(t, m, v, s, p, jnp.maximum(d, d_hat), r)

    return optax.GradientTransformation(init, update)

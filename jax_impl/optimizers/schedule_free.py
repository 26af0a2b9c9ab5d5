"""Schedule-free AdamW in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, decay_of_each, each, rate_of, used, zeros_like


class ScheduleFreeAdamWState(NamedTuple):
    t: Array
    z: Any
    v: Any
    largest: Array
    whole: Array


def schedule_free_adamw(
    learning_rate: Rate = 2.5e-3,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """The parameters to evaluate with are schedule_free_evaluated's."""
    check("schedule_free_adamw", locals())
    if not used(beta1):
        reason = f"beta1 is {beta1!r}; allowed: above 0, below 1"
        raise ValueError(f"schedule_free_adamw: {reason}")

    def init(params: Any) -> ScheduleFreeAdamWState:
        z = jax.tree.map(jnp.array, params)  # a copy: both may be donated
        dtype = jnp.result_type(*jax.tree.leaves(params), jnp.bfloat16)
        zeros = jnp.zeros((), dtype), jnp.zeros((), dtype)
        t = jnp.zeros((), jnp.int32)
        return ScheduleFreeAdamWState(t, z, zeros_like(params), *zeros)

    def update(
        grads: Any, state: ScheduleFreeAdamWState, params: Any
    ) -> tuple[Any, ScheduleFreeAdamWState]:
        t = state.t + 1
        lr = rate_of(learning_rate, t)
        largest = jnp.maximum(state.largest, lr).astype(state.largest.dtype)
        whole = state.whole + largest**2
        c = jnp.where(whole > 0, largest**2 / whole, 0.0)

        def step(y: Array, g: Array, z: Array, v: Array, d: float) -> Any:
            x = (y - (1 - beta1) * z) / beta1
            v = beta2 * v + (1 - beta2) * g * g
            z = z - lr * (g / (jnp.sqrt(v / (1 - beta2**t)) + eps) + d * y)
            x = (1 - c) * x + c * z
            return (1 - beta1) * z + beta1 * x - y, z, v

        decays = decay_of_each(mask, weight_decay, params)
        steps, z, v = each(3, step, params, grads, state.z, state.v, decays)
        return steps, ScheduleFreeAdamWState(t, z, v, largest, whole)

    return optax.GradientTransformation(init, update)


def schedule_free_evaluated(
    params: Any, state: ScheduleFreeAdamWState, beta1: float = 0.9
) -> Any:
    """The parameters to evaluate with."""
    return jax.tree.map(lambda y, z: (y - (1 - beta1) * z) / beta1, params, state.z)

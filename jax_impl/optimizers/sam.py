"""SAM in JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from .base import Mask, Rate, check, decay_of_each, each, rate_of, total, zeros_like


class SAMState(NamedTuple):
    t: Array
    v: Any
    x: Any


def sam(
    learning_rate: Rate = 1e-2,
    *,
    momentum: float = 0.9,
    radius: float = 0.05,
    weight_decay: float = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """Two updates are one: the first climbs, the second goes back and descends. Before
    each, take the gradient on the same batch; a schedule counts both as one."""
    check("sam", locals())

    def init(params: Any) -> SAMState:
        x = jax.tree.map(jnp.array, params)  # a copy: both may be donated
        return SAMState(jnp.zeros((), jnp.int32), zeros_like(params), x)

    def update(grads: Any, state: SAMState, params: Any) -> tuple[Any, SAMState]:
        t = state.t + 1
        lr, climbs = rate_of(learning_rate, (t + 1) // 2), t % 2 == 1
        norm = jnp.sqrt(total(jax.tree.map(jnp.square, grads)))
        scale = jnp.where(norm > 0, radius / norm, 0.0)

        def step(here: Array, g: Array, v: Array, x: Array, d: float) -> Any:
            x = jnp.where(climbs, here, x)
            v = jnp.where(climbs, v, momentum * v + g + d * x)
            # DIFF(optax-adds): going back takes the climb away again, but for rounding.
            return jnp.where(climbs, scale * g, x - here - lr * v), v, x

        decays = decay_of_each(mask, weight_decay, params)
        steps, v, x = each(3, step, params, grads, state.v, state.x, decays)
        return steps, SAMState(t, v, x)

    return optax.GradientTransformation(init, update)

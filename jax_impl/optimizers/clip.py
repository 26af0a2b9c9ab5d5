"""What bounds the gradients before an update; the other two are optax's own."""

import jax
import jax.numpy as jnp
import optax
from jax import Array


def clip_by_norm(limit: float) -> optax.GradientTransformation:
    """Clip each tensor by its own norm."""

    def bound(g: Array) -> Array:
        norm = jnp.sqrt(jnp.sum(jnp.square(g)))
        return g * jnp.where(norm > limit, limit / jnp.maximum(norm, limit), 1.0)

    return optax.stateless(lambda grads, params: jax.tree.map(bound, grads))

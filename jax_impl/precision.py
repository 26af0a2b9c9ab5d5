"""Which parts stay in full precision where the others are in half."""

import jax
import jax.numpy as jnp


def exact(values: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Give the values in the precision of the parameters; losses are computed in it."""
    real = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32
    return tuple(v.astype(real) for v in values)

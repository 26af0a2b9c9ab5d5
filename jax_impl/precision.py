"""Which parts stay in full precision where others are in bfloat16: the native side of
shared/precision.py."""

import jax
import jax.numpy as jnp
from flax import nnx

from jax_impl.weights import named_modules


def exact(values: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Give the values in the precision of the parameters; losses are computed in it."""
    real = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32
    return tuple(v.astype(real) for v in values)


def full(value: jax.Array) -> jax.Array:
    """What leaves a model or is drawn by: bfloat16 in float32, others as they are."""
    return value.astype(jnp.float32) if value.dtype == jnp.bfloat16 else value


_NORMS = nnx.BatchNorm | nnx.GroupNorm | nnx.LayerNorm | nnx.RMSNorm


def lower(model: nnx.Module) -> None:
    """Products and convolutions in bfloat16 from here on. DIFF(bfloat16): a norm that
    has no dtype computes in its parameters'."""
    for _, module in named_modules(model):
        if hasattr(module, "dtype") and not isinstance(module, _NORMS):
            module.dtype = jnp.bfloat16

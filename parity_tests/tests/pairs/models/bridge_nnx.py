"""Two layers, in Flax by way of Linen."""

import jax.numpy as jnp
from flax import linen, nnx


class Inner(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(2)(jnp.tanh(linen.Dense(5)(x)))


def make():
    return nnx.bridge.lazy_init(
        nnx.bridge.ToNNX(Inner(), rngs=nnx.Rngs(0)), jnp.ones((3, 4))
    )

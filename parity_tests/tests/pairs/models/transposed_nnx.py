"""Attention of three projections."""

import jax
import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.norm = nnx.LayerNorm(8, epsilon=1e-5, rngs=r)
        self.q, self.k, self.v, self.o = (nnx.Linear(8, 8, rngs=r) for _ in range(4))

    def __call__(self, x):
        y = self.norm(x)
        q, k, v = (f(y).reshape(*y.shape[:2], 2, 4) for f in (self.q, self.k, self.v))
        score = jnp.einsum("bqhd,bkhd->bhqk", q, k) / 4**0.5
        seen = jnp.tril(jnp.ones(score.shape[-2:], bool))
        a = jax.nn.softmax(jnp.where(seen, score, -jnp.inf), -1)
        return x + self.o(jnp.einsum("bhqk,bkhd->bqhd", a, v).reshape(x.shape))


def make():
    return Net()

"""Two experts and a gate, their weights a module's own."""

import jax
import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.router = nnx.Linear(4, 2, rngs=r)
        self.inner = nnx.Param(jax.random.normal(r.params(), (2, 4, 6)))
        self.outer = nnx.Param(jax.random.normal(r.params(), (2, 6, 3)))

    def __call__(self, x):
        gate = jax.nn.softmax(self.router(x), -1)
        h = nnx.relu(jnp.einsum("bi,eio->beo", x, self.inner[...]))
        return jnp.einsum("beo,eoj,be->bj", h, self.outer[...], gate)


def make():
    return Net()

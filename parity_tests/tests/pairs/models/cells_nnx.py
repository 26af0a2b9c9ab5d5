"""A cell of an LSTM, step by step."""

import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.unit = nnx.OptimizedLSTMCell(3, 4, rngs=r)
        self.score = nnx.Linear(4, 2, rngs=r)

    def __call__(self, x):
        zeros = jnp.zeros((x.shape[0], 4), x.dtype)
        carry, y = (zeros, zeros), zeros
        for t in range(x.shape[1]):
            carry, y = self.unit(carry, x[:, t])
        return self.score(y)


def make():
    return Net()

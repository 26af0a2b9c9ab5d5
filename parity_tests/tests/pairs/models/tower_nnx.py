"""One tower that two pictures go through."""

import jax.numpy as jnp
from flax import nnx


class Net(nnx.Module):
    def __init__(self):
        r = nnx.Rngs(0)
        self.fc1, self.fc2 = nnx.Linear(5, 6, rngs=r), nnx.Linear(6, 4, rngs=r)
        self.out = nnx.Linear(4, 2, rngs=r)

    def tower(self, x):
        return self.fc2(jnp.tanh(self.fc1(x)))

    def __call__(self, one, two):
        return self.out(jnp.abs(self.tower(one) - self.tower(two)))


def make():
    return Net()

"""Depthwise convolutions that are squeezed and excited."""

import jax.numpy as jnp
from flax import nnx


class Norm(nnx.BatchNorm):
    def __init__(self, r):
        super().__init__(8, momentum=0.99, epsilon=1e-3, rngs=r)


class Unit(nnx.Module):
    def __init__(self, r):
        self.wide = nnx.Conv(4, 8, (1, 1), use_bias=False, rngs=r)
        self.norm_a = Norm(r)
        self.deep = nnx.Conv(
            8, 8, (3, 3), padding=1, feature_group_count=8, use_bias=False, rngs=r
        )
        self.norm_b = Norm(r)
        self.fc1, self.fc2 = nnx.Linear(8, 2, rngs=r), nnx.Linear(2, 8, rngs=r)
        self.thin = nnx.Conv(8, 4, (1, 1), use_bias=False, rngs=r)

    def __call__(self, x):
        y = nnx.hard_swish(self.norm_a(self.wide(x)))
        y = nnx.hard_swish(self.norm_b(self.deep(y)))
        s = nnx.sigmoid(self.fc2(nnx.relu(self.fc1(y.mean((1, 2))))))
        return x + self.thin(y * s[:, None, None])


class Net(nnx.Module):
    def __init__(self, r):
        self.first = nnx.Conv(3, 4, (3, 3), (2, 2), padding=1, rngs=r)
        self.units = nnx.List([Unit(r), Unit(r)])
        self.last = nnx.Linear(4, 5, rngs=r)

    def __call__(self, x):
        x = self.first(x)
        for unit in self.units:
            x = unit(x)
        return self.last(jnp.mean(x, (1, 2)))


def make():
    return Net(nnx.Rngs(0))

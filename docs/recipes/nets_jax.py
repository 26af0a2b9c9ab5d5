"""The port in JAX: Flax NNX, and Linen."""

import jax
from flax import linen, nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(3, 8, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(8, 10, rngs=rngs)

    def __call__(self, x):
        x = jax.nn.relu(self.norm(self.conv(x)))
        return self.head(self.drop(x.mean((1, 2))))


class LinenNet(linen.Module):
    @linen.compact
    def __call__(self, x, train=False):
        x = linen.Conv(8, (3, 3), name="conv")(x)
        x = linen.BatchNorm(not train, momentum=0.9, name="norm")(x)
        x = linen.Dropout(0.5, deterministic=not train)(linen.relu(x).mean((1, 2)))
        return linen.Dense(10, name="head")(x)

"""A mixer of patches and channels."""

import jax.numpy as jnp
from flax import linen as nn


class Mlp(nn.Module):
    inner: int

    @nn.compact
    def __call__(self, x):
        y = nn.gelu(nn.Dense(self.inner)(x), approximate=False)
        return nn.Dense(x.shape[-1])(y)


class Mixer(nn.Module):
    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm(epsilon=1e-6)(x).swapaxes(1, 2)
        x = x + Mlp(6, name="token_mixing")(y).swapaxes(1, 2)
        y = nn.LayerNorm(epsilon=1e-6)(x)
        return x + Mlp(16, name="channel_mixing")(y)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(8, (8, 8), (8, 8), name="stem")(x)
        x = x.reshape(x.shape[0], -1, 8)
        for _ in range(2):
            x = Mixer()(x)
        x = nn.LayerNorm(epsilon=1e-6)(x)
        return nn.Dense(5, name="head")(jnp.mean(x, 1))


def make():
    return Net()

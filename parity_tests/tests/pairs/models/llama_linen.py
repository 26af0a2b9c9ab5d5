"""A block of rotary attention, RMS norms and a gated SiLU."""

import jax.numpy as jnp
from flax import linen as nn


def rotated(x, turn):
    a, b = jnp.split(x, 2, -1)
    cos, sin = jnp.cos(turn)[:, None], jnp.sin(turn)[:, None]
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


class Net(nn.Module):
    def setup(self):
        self.tokens = nn.Embed(13, 8)
        self.before = nn.RMSNorm(epsilon=1e-6)
        self.after = nn.RMSNorm(epsilon=1e-6)
        self.query = nn.Dense(8, use_bias=False)
        self.key = nn.Dense(8, use_bias=False)
        self.value = nn.Dense(8, use_bias=False)
        self.output = nn.Dense(8, use_bias=False)
        self.gate_proj = nn.Dense(12, use_bias=False)
        self.up_proj = nn.Dense(12, use_bias=False)
        self.down_proj = nn.Dense(8, use_bias=False)

    def __call__(self, ids):
        x = self.tokens(ids)
        y, shape = self.before(x), (*x.shape[:2], 2, 4)
        q, k = self.query(y).reshape(shape), self.key(y).reshape(shape)
        v = self.value(y).reshape(shape)
        turn = jnp.arange(x.shape[1])[:, None] * 10000.0 ** (-jnp.arange(2) / 2)
        q, k = rotated(q, turn), rotated(k, turn)
        seen = nn.make_causal_mask(ids)
        y = nn.dot_product_attention(q, k, v, mask=seen)
        x = x + self.output(y.reshape(x.shape))
        y = self.after(x)
        return x + self.down_proj(nn.silu(self.gate_proj(y)) * self.up_proj(y))


def make():
    return Net()

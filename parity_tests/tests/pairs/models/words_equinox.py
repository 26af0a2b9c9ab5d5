"""Words, a norm and a wide layer beside them, in Equinox."""

import equinox as eqx
import jax
from equinox import nn


class Net(eqx.Module):
    table: nn.Embedding
    norm: nn.LayerNorm
    wide: nn.Linear
    back: nn.Linear
    out: nn.Linear

    def __init__(self):
        key = jax.random.key(0)
        self.table = nn.Embedding(9, 6, key=key)
        self.norm = nn.LayerNorm(6, eps=1e-5)
        self.wide = nn.Linear(6, 8, key=key)
        self.back = nn.Linear(8, 6, key=key)
        self.out = nn.Linear(6, 9, use_bias=False, key=key)

    def __call__(self, ids):
        x = jax.vmap(self.table)(ids)
        y = jax.vmap(self.wide)(jax.vmap(self.norm)(x))
        y = jax.vmap(self.back)(jax.nn.gelu(y, approximate=False))
        return jax.vmap(self.out)(x + y)


make = Net

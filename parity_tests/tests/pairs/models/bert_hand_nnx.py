"""BERT by hand."""

import jax.numpy as jnp
from flax import nnx

r = nnx.Rngs(0)


class Layer(nnx.Module):
    def __init__(self):
        self.mha = nnx.MultiHeadAttention(3, 12, decode=False, rngs=r)
        self.ln1 = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.ln2 = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.w1, self.w2 = nnx.Linear(12, 20, rngs=r), nnx.Linear(20, 12, rngs=r)

    def __call__(self, x):
        x = self.ln1(x + self.mha(x))
        return self.ln2(x + self.w2(nnx.gelu(self.w1(x), approximate=False)))


class Bert(nnx.Module):
    def __init__(self):
        self.word = nnx.Embed(19, 12, rngs=r)
        self.kind = nnx.Embed(2, 12, rngs=r)
        self.place = nnx.Embed(10, 12, rngs=r)
        self.ln = nnx.LayerNorm(12, epsilon=1e-12, rngs=r)
        self.stack = nnx.List([Layer() for _ in range(2)])
        self.pool = nnx.Linear(12, 12, rngs=r)

    def __call__(self, ids):
        x = self.word(ids) + self.place(jnp.arange(ids.shape[1]))
        x = self.ln(x + self.kind(jnp.zeros_like(ids)))
        for layer in self.stack:
            x = layer(x)
        return x, jnp.tanh(self.pool(x[:, 0]))


make = Bert

"""Attention by scaled dot products."""

import math

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers.dropout import Dropout


class Attention(nnx.Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it. A bias
    is added to the scores.
    DIFF(attention): jax.nn.dot_product_attention has its softmax in float32.
    """

    def __init__(self, rate: float, causal: bool, *, rngs: nnx.Rngs):
        self.dropout = Dropout(rate, rngs=rngs)
        self.causal = causal

    def __call__(
        self, q: Array, k: Array, v: Array, bias: Array | None = None
    ) -> Array:
        scores = q / math.sqrt(q.shape[-1]) @ k.mT  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            past = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            scores = jnp.where(past, scores, -math.inf)
        weights = nnx.softmax(scores)
        if not self.dropout.deterministic:
            weights = self.dropout(weights)
        return weights @ v

"""Attention by scaled dot products."""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers.dropout import Dropout
from jax_impl.layers.forms import has_flash, on_cpu
from jax_impl.precision import exact


class Attention(nnx.Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it; not
    scaled: without the root. A bias is added to the scores.
    """

    def __init__(
        self, rate: float, causal: bool, scaled: bool = True, *, rngs: nnx.Rngs
    ):
        self.dropout = Dropout(rate, rngs=rngs)
        self.causal, self.scaled = causal, scaled

    def __call__(
        self, q: Array, k: Array, v: Array, bias: Array | None = None
    ) -> Array:
        dropping = not self.dropout.deterministic and self.dropout.rate > 0
        given = (q, k, v) if bias is None else (q, k, v, bias)
        if dropping or q.dtype == jnp.float64:
            return self._written(*given)
        # DIFF(attention): fused where that is fast; its softmax is in float32, and it
        # drops no probabilities.
        return on_cpu(self._written, self._fused, *given)

    def _written(
        self, q: Array, k: Array, v: Array, bias: Array | None = None
    ) -> Array:
        q = q / math.sqrt(q.shape[-1]) if self.scaled else q
        scores = q @ k.mT  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            past = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            scores = jnp.where(past, scores, -math.inf)
        (scores,) = exact((scores,))
        weights = nnx.softmax(scores)
        if not self.dropout.deterministic:
            weights = self.dropout(weights)
        return weights.astype(v.dtype) @ v

    def _fused(self, q: Array, k: Array, v: Array, bias: Array | None = None) -> Array:
        """Take JAX's own, which wants four axes and the heads third."""
        if bias is not None:
            scores = *q.shape[:-1], k.shape[-2]
            bias = jnp.broadcast_to(bias, scores).reshape(-1, *scores[-3:])
        flat = [x.reshape(-1, *x.shape[-3:]).swapaxes(1, 2) for x in (q, k, v)]
        y = jax.nn.dot_product_attention(
            *flat,
            bias,
            scale=None if self.scaled else 1.0,
            is_causal=self.causal,
            implementation="cudnn" if bias is None and has_flash(q) else None,
        )
        return y.swapaxes(1, 2).reshape(q.shape)

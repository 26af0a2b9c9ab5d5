"""LaMDA in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/lamda.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import Cache, Dropout, Embed, Generates, relative_buckets
from jax_impl.models.language.t5 import MLP, MultiHeadAttention, linear, norm
from jax_impl.precision import full
from shared.specs.language.lamda import UNSEEN, LaMDASpec


class SelfAttention(MultiHeadAttention):
    def follow(
        self, x: Array, cache: Cache, places: Array, bias: Array
    ) -> tuple[Array, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        k, v = (
            lax.dynamic_update_slice_in_dim(kept, new, places[0], 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        y = self.attend_cached(self.heads(self.q(x)), k, v, bias)
        return self.project(y), (k, v)


class Block(nnx.Module):
    def __init__(self, spec: LaMDASpec, *, rngs: nnx.Rngs):
        self.norm1 = norm(spec, rngs=rngs)
        self.attn = SelfAttention(spec, causal=True, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, bias: Array) -> Array:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y), bias))
        return x + self.drop(self.mlp(self.norm2(x)))

    def extend(
        self, x: Array, cache: Cache, places: Array, bias: Array
    ) -> tuple[Array, Cache]:
        y, cache = self.attn.follow(self.norm1(x), cache, places, bias)
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm2(x))), cache


class LaMDA(Generates, nnx.Module):
    def __init__(self, spec: LaMDASpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embedding = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.relative = Embed(spec.bucket_count, spec.heads, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.lm_head = linear(spec.width, spec.vocab_size, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        places = jnp.arange(tokens.shape[1])
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        bias = self.bias(places, places)
        for block in self.blocks:
            x = block(x, bias)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = jnp.zeros(shape, self.embedding.dtype or self.embedding.embedding.dtype)
        return [(empty, empty) for _ in self.blocks]

    def extend(
        self, tokens: Array, cache: list[Cache], places: Array
    ) -> tuple[Array, list[Cache]]:
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        every = jnp.arange(cache[0][0].shape[2])
        future = (every > places[:, None]).astype(x.dtype)
        bias = self.bias(places, every) + UNSEEN * future
        grown = []
        for block, own in zip(self.blocks, cache, strict=True):
            x, own = block.extend(x, own, places, bias)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def bias(self, queries: Array, keys: Array) -> Array:
        starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return self.relative(buckets).transpose(2, 0, 1)  # [heads, T, T of keys]

    def head(self, x: Array) -> Array:
        return full(self.lm_head(self.drop(self.norm(x))))  # [B, T, vocab_size]

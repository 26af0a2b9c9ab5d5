"""GPT-2 in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import math

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import (
    Attention,
    Cache,
    Dropout,
    Embed,
    Generates,
    LayerNorm,
    Linear,
)
from jax_impl.precision import full
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, spec.ln_eps, use_bias=spec.bias, rngs=rngs)


class SelfAttention(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.c_attn = Linear(spec.width, spec.qkv_width, use_bias=spec.bias, rngs=rngs)
        self.attend = Attention(spec.dropout, causal=True, rngs=rngs)
        self.attend_cached = Attention(0.0, causal=False, rngs=rngs)
        self.c_proj = Linear(spec.width, spec.width, use_bias=spec.bias, rngs=rngs)
        self.resid_dropout = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, far: Array | None) -> Array:
        q, k, v = self.qkv(x)
        return self.project(self.attend(q, k, v, far))

    def extend(
        self, x: Array, cache: Cache, places: Array, mask: Array
    ) -> tuple[Array, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x)
        keys, values = cache
        keys = lax.dynamic_update_slice_in_dim(keys, k, places[0], 2)
        values = lax.dynamic_update_slice_in_dim(values, v, places[0], 2)
        return self.project(self.attend_cached(q, keys, values, mask)), (keys, values)

    def qkv(self, x: Array) -> tuple[Array, ...]:
        s, tokens = self.spec, x.shape[1]
        qkv = self.c_attn(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        return tuple(qkv.transpose(2, 0, 3, 1, 4))  # [B, heads, T, head_width] each

    def project(self, y: Array) -> Array:
        y = y.swapaxes(1, 2)  # [B, T, heads, head_width]
        y = y.reshape(*y.shape[:2], self.spec.width)
        return self.resid_dropout(self.c_proj(y))  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.c_fc = Linear(spec.width, spec.inner_width, use_bias=spec.bias, rngs=rngs)
        self.c_proj = Linear(
            spec.inner_width, spec.width, use_bias=spec.bias, rngs=rngs
        )
        self.dropout = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.gelu(self.c_fc(x), approximate=True)  # [B, T, 4 * width]
        return self.dropout(self.c_proj(x))


class Block(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.ln_1 = norm(spec, rngs=rngs)
        self.attn = SelfAttention(spec, rngs=rngs)
        self.ln_2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)

    def __call__(self, x: Array, far: Array | None) -> Array:
        x = x + self.attn(self.ln_1(x), far)
        return x + self.mlp(self.ln_2(x))

    def extend(
        self, x: Array, cache: Cache, places: Array, mask: Array
    ) -> tuple[Array, Cache]:
        y, cache = self.attn.extend(self.ln_1(x), cache, places, mask)
        x = x + y
        return x + self.mlp(self.ln_2(x)), cache


class GPT(Generates, nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.wte = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.wpe = Embed(spec.positions, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.h = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.ln_f = norm(spec, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        places = jnp.arange(tokens.shape[1])
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        far = None if self.spec.band is None else self.beyond(places, places)
        for block, banded in zip(self.h, self.spec.banded, strict=True):
            x = block(x, far if banded else None)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Make room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = jnp.zeros(shape, self.wte.dtype or self.wte.embedding.dtype)
        return [(empty, empty) for _ in self.h]

    def extend(
        self, tokens: Array, cache: list[Cache], places: Array
    ) -> tuple[Array, list[Cache]]:
        """The logits after the last of further tokens, which join the cache."""
        x = self.wte(tokens) + self.wpe(places)  # [B, T, width]
        every = jnp.arange(cache[0][0].shape[2])
        mask = near = _forbidden(every > places[:, None])
        if self.spec.band is not None:
            near = mask + self.beyond(every, places)
        grown = []
        for block, own, banded in zip(self.h, cache, self.spec.banded, strict=True):
            x, own = block.extend(x, own, places, near if banded else mask)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def beyond(self, every: Array, places: Array) -> Array:
        """Hide what is further back than the band reaches. [T, T of all]"""
        return _forbidden(every <= places[:, None] - self.spec.band)

    def head(self, x: Array) -> Array:
        return full(self.wte.attend(self.ln_f(x)))  # [B, T, vocab_size]


def _forbidden(where: Array) -> Array:
    return jnp.where(where, -math.inf, 0.0)

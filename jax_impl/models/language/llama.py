"""LLaMA in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/llama.py.
"""

import math
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import (
    Attention,
    Cache,
    Embed,
    Generates,
    Linear,
    RMSNorm,
    Turn,
    rotate,
    turn,
)
from jax_impl.precision import full
from shared.specs.language.llama import RotaryDecoderSpec


def linear(c_in: int, c_out: int, *, rngs: nnx.Rngs) -> Linear:
    return Linear(c_in, c_out, use_bias=False, rngs=rngs)


class SelfAttention(nnx.Module):
    def __init__(self, spec: RotaryDecoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.q_proj = linear(spec.width, spec.width, rngs=rngs)
        self.k_proj = linear(spec.width, spec.kv_width, rngs=rngs)
        self.v_proj = linear(spec.width, spec.kv_width, rngs=rngs)
        self.attend = Attention(0.0, causal=True, rngs=rngs)
        self.attend_cached = Attention(0.0, causal=False, rngs=rngs)
        self.o_proj = linear(spec.width, spec.width, rngs=rngs)

    def __call__(self, x: Array, by: Turn, far: Array | None) -> Array:
        q, k, v = self.qkv(x, by)
        return self.project(self.attend(q, self.shared(k), self.shared(v), far))

    def extend(
        self, x: Array, by: Turn, cache: Cache, places: Array, mask: Array
    ) -> tuple[Array, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x, by)
        keys, values = cache
        keys = lax.dynamic_update_slice_in_dim(keys, k, places[0], 2)
        values = lax.dynamic_update_slice_in_dim(values, v, places[0], 2)
        cache = keys, values
        keys, values = self.shared(keys), self.shared(values)
        return self.project(self.attend_cached(q, keys, values, mask)), cache

    def qkv(self, x: Array, by: Turn) -> tuple[Array, ...]:
        s = self.spec
        q = self.split(self.q_proj(x), s.heads)  # [B, heads, T, head_width]
        k = self.split(self.k_proj(x), s.kv_heads)  # [B, kv_heads, T, head_width]
        v = self.split(self.v_proj(x), s.kv_heads)
        interleaved = s.rotary == "interleaved"
        return rotate(q, by, interleaved), rotate(k, by, interleaved), v

    def split(self, x: Array, heads: int) -> Array:
        x = x.reshape(-1, x.shape[1], heads, self.spec.head_width)
        return x.swapaxes(1, 2)

    def shared(self, x: Array) -> Array:
        """Repeat keys or values for each head of queries."""
        return jnp.repeat(x, self.spec.group, 1)  # [B, heads, T, head_width]

    def project(self, y: Array) -> Array:
        y = y.swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.o_proj(y.reshape(*y.shape[:2], self.spec.width))  # [B, T, width]


class MLP(nnx.Module):
    """SwiGLU."""

    def __init__(self, spec: RotaryDecoderSpec, *, rngs: nnx.Rngs):
        self.gate_proj = linear(spec.width, spec.mlp_width, rngs=rngs)
        self.up_proj = linear(spec.width, spec.mlp_width, rngs=rngs)
        self.down_proj = linear(spec.mlp_width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.down_proj(nnx.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nnx.Module):
    def __init__(self, spec: RotaryDecoderSpec, *, rngs: nnx.Rngs):
        self.input_layernorm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        self.self_attn = SelfAttention(spec, rngs=rngs)
        self.post_attention_layernorm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)

    def __call__(self, x: Array, by: Turn, far: Array | None) -> Array:
        x = x + self.self_attn(self.input_layernorm(x), by, far)
        return x + self.mlp(self.post_attention_layernorm(x))

    def extend(
        self, x: Array, by: Turn, cache: Cache, places: Array, mask: Array
    ) -> tuple[Array, Cache]:
        y = self.input_layernorm(x)
        y, cache = self.self_attn.extend(y, by, cache, places, mask)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), cache


class Llama(Generates, nnx.Module):
    block: ClassVar[type[nnx.Module]] = Block

    def __init__(self, spec: RotaryDecoderSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embed_tokens = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.blocks = nnx.List(self.block(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        places = jnp.arange(tokens.shape[1])
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        far = None if self.spec.window is None else self.beyond(places, places)
        for block in self.blocks:
            x = block(x, by, far)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.kv_heads, length, self.spec.head_width
        embed = self.embed_tokens
        empty = jnp.zeros(shape, embed.dtype or embed.embedding.dtype)
        return [(empty, empty) for _ in self.blocks]

    def extend(
        self, tokens: Array, cache: list[Cache], places: Array
    ) -> tuple[Array, list[Cache]]:
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        every = jnp.arange(cache[0][0].shape[2])
        mask = _forbidden(every > places[:, None])
        if self.spec.window is not None:
            mask = mask + self.beyond(every, places)
        grown = []
        for block, own in zip(self.blocks, cache, strict=True):
            x, own = block.extend(x, by, own, places, mask)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def beyond(self, every: Array, places: Array) -> Array:
        """Hide what is further back than the window reaches. [T, T of all]"""
        return _forbidden(every <= places[:, None] - self.spec.window)

    def head(self, x: Array) -> Array:
        x = self.norm(x)
        if self.spec.tied:
            return full(self.embed_tokens.attend(x))
        return full(self.lm_head(x))  # [B, T, vocab_size]


def _forbidden(where: Array) -> Array:
    return jnp.where(where, -math.inf, 0.0)

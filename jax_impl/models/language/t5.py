"""T5 in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/t5.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import (
    Attention,
    Dropout,
    Embed,
    Linear,
    RMSNorm,
    Translates,
    relative_buckets,
)
from jax_impl.precision import full
from shared.specs.language.t5 import UNSEEN, T5Spec
from shared.specs.relative import Relative

Cache = tuple[Array, Array]  # keys and values, [B, heads, T, head_width]


def linear(c_in: int, c_out: int, *, rngs: nnx.Rngs) -> Linear:
    return Linear(c_in, c_out, use_bias=False, rngs=rngs)


def norm(spec: Relative, *, rngs: nnx.Rngs) -> RMSNorm:
    return RMSNorm(spec.width, spec.rms_eps, rngs=rngs)


def unseen(mask: Array, dtype: jnp.dtype) -> Array:
    return UNSEEN * (1 - mask[:, None, None].astype(dtype))  # [B, 1, 1, T]


class MultiHeadAttention(nnx.Module):
    def __init__(self, spec: Relative, causal: bool, *, rngs: nnx.Rngs):
        self.spec = spec
        self.q = linear(spec.width, spec.inner_width, rngs=rngs)
        self.k = linear(spec.width, spec.inner_width, rngs=rngs)
        self.v = linear(spec.width, spec.inner_width, rngs=rngs)
        self.attend = Attention(spec.dropout, causal, scaled=False, rngs=rngs)
        self.attend_cached = Attention(
            spec.dropout, causal=False, scaled=False, rngs=rngs
        )
        self.o = linear(spec.inner_width, spec.width, rngs=rngs)

    def __call__(self, x: Array, seen: Cache, bias: Array) -> Array:
        return self.project(self.attend(self.heads(self.q(x)), *seen, bias))

    def extend(
        self, x: Array, cache: Cache, place: Array, bias: Array
    ) -> tuple[Array, Cache]:
        """The same of a further token: it sees what is in the cache, itself too."""
        k, v = (
            lax.dynamic_update_slice_in_dim(kept, new, place, 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        y = self.attend_cached(self.heads(self.q(x)), k, v, bias)
        return self.project(y), (k, v)

    def read(self, x: Array, mask: Array | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * mask[:, None, :, None].astype(v.dtype)

    def heads(self, x: Array) -> Array:
        s = self.spec
        x = x.reshape(-1, x.shape[1], s.heads, s.head_width)
        return x.swapaxes(1, 2)  # [B, heads, T, head_width]

    def project(self, y: Array) -> Array:
        y = y.swapaxes(1, 2)  # [B, T, heads, head_width]
        y = y.reshape(-1, y.shape[1], self.spec.inner_width)
        return self.o(y)  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: Relative, *, rngs: nnx.Rngs):
        self.spec = spec
        if spec.gated:
            self.wi_0 = linear(spec.width, spec.mlp_width, rngs=rngs)
            self.wi_1 = linear(spec.width, spec.mlp_width, rngs=rngs)
        else:
            self.wi = linear(spec.width, spec.mlp_width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.wo = linear(spec.mlp_width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        if self.spec.gated:
            x = nnx.gelu(self.wi_0(x), approximate=True) * self.wi_1(x)
        else:
            x = nnx.relu(self.wi(x))
        return self.wo(self.drop(x))  # [B, T, width]


class EncoderBlock(nnx.Module):
    def __init__(self, spec: T5Spec, *, rngs: nnx.Rngs):
        self.norm1 = norm(spec, rngs=rngs)
        self.attn = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, mask: Array, bias: Array) -> Array:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y, mask), bias))
        return x + self.drop(self.mlp(self.norm2(x)))


class DecoderBlock(nnx.Module):
    def __init__(self, spec: T5Spec, *, rngs: nnx.Rngs):
        self.norm1 = norm(spec, rngs=rngs)
        self.attn = MultiHeadAttention(spec, causal=True, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.cross = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm3 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, bias: Array, seen: Cache, mask: Array) -> Array:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y), bias), seen, mask)

    def extend(
        self,
        x: Array,
        cache: Cache,
        place: Array,
        bias: Array,
        seen: Cache,
        mask: Array,
    ) -> tuple[Array, Cache]:
        y, cache = self.attn.extend(self.norm1(x), cache, place, bias)
        return self.look(x, y, seen, mask), cache

    def look(self, x: Array, y: Array, seen: Cache, mask: Array) -> Array:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        y = self.cross(self.norm2(x), seen, unseen(mask, x.dtype))
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm3(x)))


class Encoder(nnx.Module):
    def __init__(self, spec: T5Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.relative = Embed(spec.bucket_count, spec.heads, rngs=rngs)
        self.blocks = nnx.List(EncoderBlock(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        bias = self.bias(jnp.arange(x.shape[1])) + unseen(mask, x.dtype)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, mask, bias)
        return self.drop(self.norm(x))  # [B, T, width]

    def bias(self, places: Array) -> Array:
        starts, _ = self.spec.starts_of_buckets
        buckets = relative_buckets(places, places, starts, both=True)
        return self.relative(buckets).transpose(2, 0, 1)  # [heads, T, T]


class Decoder(nnx.Module):
    def __init__(self, spec: T5Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.relative = Embed(spec.bucket_count, spec.heads, rngs=rngs)
        self.blocks = nnx.List(DecoderBlock(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, seen: list[Cache], mask: Array) -> Array:
        places = jnp.arange(x.shape[1])
        bias = self.bias(places, places)
        x = self.drop(x)
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, bias, pair, mask)
        return self.drop(self.norm(x))  # [B, T, width]

    def extend(
        self, x: Array, cache: list[Cache], place: Array, seen: list[Cache], mask: Array
    ) -> tuple[Array, list[Cache]]:
        every = jnp.arange(cache[0][0].shape[2])
        past = (every <= place)[None]
        bias = self.bias(place[None], every) + unseen(past, x.dtype)
        grown = []
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x, own = block.extend(x, own, place, bias, pair, mask)
            grown.append(own)
        return self.norm(x), grown

    def read(self, memory: Array, mask: Array) -> list[Cache]:
        return [block.cross.read(memory, mask) for block in self.blocks]

    def bias(self, queries: Array, keys: Array) -> Array:
        _, starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return self.relative(buckets).transpose(2, 0, 1)  # [heads, T, T of keys]


class T5(Translates, nnx.Module):
    def __init__(self, spec: T5Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embedding = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size, rngs=rngs)

    def __call__(self, source: Array, mask: Array, target: Array) -> Array:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: Array, mask: Array) -> Array:
        return self.encoder(self.embedding(source), mask)  # [B, T, width]

    def read(self, source: Array, mask: Array) -> list[Cache]:
        """What each block of the decoder sees of a source."""
        return self.decoder.read(self.encode(source, mask), mask)

    def decode(self, target: Array, seen: list[Cache], mask: Array) -> Array:
        return self.head(self.decoder(self.embedding(target), seen, mask))

    def head(self, x: Array) -> Array:
        if self.spec.tied:
            return full(self.embedding.attend(x * self.spec.scale))
        return full(self.lm_head(x))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = jnp.zeros(shape, self.embedding.dtype or self.embedding.embedding.dtype)
        return [(empty, empty) for _ in self.decoder.blocks]

    def extend(
        self,
        token: Array,
        cache: list[Cache],
        place: Array,
        seen: list[Cache],
        mask: Array,
    ) -> tuple[Array, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        x = self.embedding(token)
        x, cache = self.decoder.extend(x, cache, place, seen, mask)
        return self.head(x[:, 0]), cache

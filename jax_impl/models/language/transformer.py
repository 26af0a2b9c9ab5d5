"""The Transformer in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/transformer.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import (
    Attention,
    Dropout,
    Embed,
    LayerNorm,
    Linear,
    Translates,
)
from jax_impl.precision import full
from shared.specs.language.transformer import UNSEEN, TransformerSpec

Cache = tuple[Array, Array]  # keys and values, [B, heads, T, head_width]


def norm(spec: TransformerSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, epsilon=spec.ln_eps, rngs=rngs)


def sinusoids(places: Array, width: int) -> Array:
    """Section 3.5: sin(place / 10000^(i / width)) at even i, then its cosine."""
    even = jnp.arange(0, width, 2)
    angles = places[:, None] / 10000 ** (even / width)
    pairs = jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1)
    return pairs.reshape(len(places), width)  # [T, width]


class MultiHeadAttention(nnx.Module):
    """Section 3.2.2: queries of one sequence, keys and values of one, or another."""

    def __init__(self, spec: TransformerSpec, causal: bool, *, rngs: nnx.Rngs):
        self.spec = spec
        self.q = Linear(spec.width, spec.width, use_bias=spec.bias, rngs=rngs)
        self.k = Linear(spec.width, spec.width, use_bias=spec.key_bias, rngs=rngs)
        self.v = Linear(spec.width, spec.width, use_bias=spec.bias, rngs=rngs)
        self.attend = Attention(0.0, causal, rngs=rngs)
        self.attend_cached = Attention(0.0, causal=False, rngs=rngs)
        self.proj = Linear(spec.width, spec.width, use_bias=spec.bias, rngs=rngs)

    def __call__(self, x: Array, seen: Cache, mask: Array | None = None) -> Array:
        q = self.heads(self.q(x))
        bias = None if mask is None else self.unseen(mask, q)
        return self.project(self.attend(q, *seen, bias))

    def extend(self, x: Array, cache: Cache, place: Array) -> tuple[Array, Cache]:
        """The same of a further token: it sees what is in the cache, itself too."""
        q = self.heads(self.q(x))
        k, v = (
            lax.dynamic_update_slice_in_dim(kept, new, place, 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        past = jnp.arange(k.shape[2]) <= place
        bias = self.unseen(past[None], q)
        return self.project(self.attend_cached(q, k, v, bias)), (k, v)

    def read(self, x: Array, mask: Array | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * mask[:, None, :, None].astype(v.dtype)

    def unseen(self, mask: Array, q: Array) -> Array:
        return UNSEEN * (1 - mask[:, None, None].astype(q.dtype))  # [B, 1, 1, T]

    def heads(self, x: Array) -> Array:
        s = self.spec
        x = x.reshape(-1, x.shape[1], s.heads, s.head_width)
        return x.swapaxes(1, 2)  # [B, heads, T, head_width]

    def project(self, y: Array) -> Array:
        y = y.swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.proj(y.reshape(-1, y.shape[1], self.spec.width))  # [B, T, width]


class MLP(nnx.Module):
    """Equation 2."""

    def __init__(self, spec: TransformerSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.fc2(nnx.relu(self.fc1(x)))  # [B, T, width]


class EncoderLayer(nnx.Module):
    """Figure 1, left."""

    def __init__(self, spec: TransformerSpec, *, rngs: nnx.Rngs):
        self.attn = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        y = self.attn(x, self.attn.read(x, mask), mask)
        x = self.norm1(x + self.drop(y))
        return self.norm2(x + self.drop(self.mlp(x)))


class DecoderLayer(nnx.Module):
    """Figure 1, right."""

    def __init__(self, spec: TransformerSpec, *, rngs: nnx.Rngs):
        self.attn = MultiHeadAttention(spec, causal=True, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.cross = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm3 = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, seen: Cache, mask: Array) -> Array:
        return self.look(x, self.attn(x, self.attn.read(x)), seen, mask)

    def extend(
        self, x: Array, cache: Cache, place: Array, seen: Cache, mask: Array
    ) -> tuple[Array, Cache]:
        y, cache = self.attn.extend(x, cache, place)
        return self.look(x, y, seen, mask), cache

    def look(self, x: Array, y: Array, seen: Cache, mask: Array) -> Array:
        """From what its own attention gave on."""
        x = self.norm1(x + self.drop(y))
        x = self.norm2(x + self.drop(self.cross(x, seen, mask)))
        return self.norm3(x + self.drop(self.mlp(x)))


class Transformer(Translates, nnx.Module):
    def __init__(self, spec: TransformerSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embedding = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.encoder = nnx.List(
            EncoderLayer(spec, rngs=rngs) for _ in range(spec.depth)
        )
        self.decoder = nnx.List(
            DecoderLayer(spec, rngs=rngs) for _ in range(spec.depth)
        )

    def __call__(self, source: Array, mask: Array, target: Array) -> Array:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: Array, mask: Array) -> Array:
        x = self.embedded(source, jnp.arange(source.shape[1]))
        for layer in self.encoder:
            x = layer(x, mask)
        return x  # [B, T, width]

    def read(self, source: Array, mask: Array) -> list[Cache]:
        """What each layer of the decoder sees of a source."""
        memory = self.encode(source, mask)
        return [layer.cross.read(memory, mask) for layer in self.decoder]

    def decode(self, target: Array, seen: list[Cache], mask: Array) -> Array:
        x = self.embedded(target, jnp.arange(target.shape[1]))
        for layer, pair in zip(self.decoder, seen, strict=True):
            x = layer(x, pair, mask)
        return self.head(x)

    def embedded(self, tokens: Array, places: Array) -> Array:
        x = self.embedding(tokens) * self.spec.scale  # [B, T, width]
        return self.drop(x + sinusoids(places, self.spec.width).astype(x.dtype))

    def head(self, x: Array) -> Array:
        return full(self.embedding.attend(x))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = jnp.zeros(shape, self.embedding.dtype or self.embedding.embedding.dtype)
        return [(empty, empty) for _ in self.decoder]

    def extend(
        self,
        token: Array,
        cache: list[Cache],
        place: Array,
        seen: list[Cache],
        mask: Array,
    ) -> tuple[Array, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        x = self.embedded(token, place[None])
        grown = []
        for layer, own, pair in zip(self.decoder, cache, seen, strict=True):
            x, own = layer.extend(x, own, place, pair, mask)
            grown.append(own)
        return self.head(x[:, 0]), grown

"""Whisper in JAX (Flax NNX), [B, T, width]; sounds [B, frames, mels].

Spec, names, paper: shared/specs/language/whisper.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, Embed, Linear, Translates, conv1d, turn
from jax_impl.models.language.transformer import Cache, MultiHeadAttention, norm
from jax_impl.precision import full
from shared.specs.language.whisper import WhisperSpec


class MLP(nnx.Module):
    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.fc2(nnx.gelu(self.fc1(x), approximate=False))  # [B, T, width]


class EncoderBlock(nnx.Module):
    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.attn = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Encoder(nnx.Module):
    """Figure 1, left."""

    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        first, second = spec.convs
        self.conv1 = conv1d(first, rngs=rngs)
        self.conv2 = conv1d(second, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.blocks = nnx.List(EncoderBlock(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = norm(spec, rngs=rngs)

    def __call__(self, mel: Array) -> Array:
        x = nnx.gelu(self.conv1(mel), approximate=False)
        x = nnx.gelu(self.conv2(x), approximate=False)
        places = jnp.arange(x.shape[1])
        cos, sin = turn(places, self.spec.frequencies)
        x = self.drop(x + jnp.concatenate([sin, cos], 1).astype(x.dtype))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # [B, T, width]


class DecoderBlock(nnx.Module):
    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.attn = MultiHeadAttention(spec, causal=True, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.cross = MultiHeadAttention(spec, causal=False, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm3 = norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array, seen: Cache) -> Array:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y)), seen)

    def extend(
        self, x: Array, cache: Cache, place: Array, seen: Cache
    ) -> tuple[Array, Cache]:
        y, cache = self.attn.extend(self.norm1(x), cache, place)
        return self.look(x, y, seen), cache

    def look(self, x: Array, y: Array, seen: Cache) -> Array:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        x = x + self.drop(self.cross(self.norm2(x), seen))
        return x + self.drop(self.mlp(self.norm3(x)))


class Decoder(nnx.Module):
    """Figure 1, right."""

    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.tokens = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.positions = Embed(spec.target_tokens, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.blocks = nnx.List(DecoderBlock(spec, rngs=rngs) for _ in range(spec.depth))
        self.norm = norm(spec, rngs=rngs)

    def __call__(self, target: Array, seen: list[Cache]) -> Array:
        x = self.embedded(target, jnp.arange(target.shape[1]))
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, pair)
        return self.head(x)

    def extend(
        self, token: Array, cache: list[Cache], place: Array, seen: list[Cache]
    ) -> tuple[Array, list[Cache]]:
        x = self.embedded(token, place[None])
        grown = []
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x, own = block.extend(x, own, place, pair)
            grown.append(own)
        return self.head(x[:, 0]), grown

    def embedded(self, tokens: Array, places: Array) -> Array:
        return self.drop(self.tokens(tokens) + self.positions(places))

    def head(self, x: Array) -> Array:
        return full(self.tokens.attend(self.norm(x)))


class Whisper(Translates, nnx.Module):
    def __init__(self, spec: WhisperSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)

    def __call__(self, mel: Array, target: Array) -> Array:
        return self.decode(target, self.read(mel))

    def encode(self, mel: Array) -> Array:
        return self.encoder(mel)

    def read(self, mel: Array) -> list[Cache]:
        """What each block of the decoder sees of a sound."""
        memory = self.encode(mel)
        return [block.cross.read(memory) for block in self.decoder.blocks]

    def decode(self, target: Array, seen: list[Cache]) -> Array:
        return self.decoder(target, seen)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        embed = self.decoder.tokens
        empty = jnp.zeros(shape, embed.dtype or embed.embedding.dtype)
        return [(empty, empty) for _ in self.decoder.blocks]

    def extend(
        self, token: Array, cache: list[Cache], place: Array, seen: list[Cache]
    ) -> tuple[Array, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        return self.decoder.extend(token, cache, place, seen)

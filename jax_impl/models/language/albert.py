"""ALBERT in JAX (Flax NNX), [B, T, width].

Spec, names, papers: shared/specs/language/albert.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, Embed, LayerNorm, Linear, unit
from jax_impl.models.language.bert import Pooler, SelfAttention, norm
from shared.specs.language.albert import AlbertForMaskedLMSpec, AlbertSpec


def narrow_norm(spec: AlbertSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.embedding_width, epsilon=spec.ln_eps, rngs=rngs)


class Embeddings(nnx.Module):
    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.word = Embed(spec.vocab_size, spec.embedding_width, rngs=rngs)
        self.position = Embed(spec.positions, spec.embedding_width, rngs=rngs)
        self.token_type = Embed(spec.token_types, spec.embedding_width, rngs=rngs)
        self.norm = narrow_norm(spec, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, tokens: Array, token_types: Array) -> Array:
        places = jnp.arange(tokens.shape[1])
        x = self.word(tokens) + self.token_type(token_types) + self.position(places)
        return self.drop(self.norm(x))  # [B, T, embedding_width]


class MLP(nnx.Module):
    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.gelu(self.fc1(x), approximate=True)  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(nnx.Module):
    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.attn = SelfAttention(spec, rngs=rngs)
        self.norm1 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)

    def __call__(self, x: Array, mask: Array) -> Array:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(nnx.Module):
    """Section 3.1: the same block again and again."""

    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embeddings = Embeddings(spec, rngs=rngs)
        self.widen = Linear(spec.embedding_width, spec.width, rngs=rngs)
        self.block = Block(spec, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, token_types: Array) -> Array:
        x = self.widen(self.embeddings(tokens, token_types))
        for _ in range(self.spec.depth):
            x = self.block(x, mask)
        return x  # [B, T, width]


class WordHead(nnx.Module):
    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.bias = nnx.Param(jnp.zeros(spec.vocab_size))
        self.dense = Linear(spec.width, spec.embedding_width, rngs=rngs)
        self.norm = narrow_norm(spec, rngs=rngs)

    def __call__(self, x: Array, word: Embed) -> Array:
        x = self.norm(nnx.gelu(self.dense(x), approximate=True))
        return word.attend(x) + self.bias[...]  # [B, T, vocab_size]


class Albert(nnx.Module):
    def __init__(self, spec: AlbertSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.pooler = Pooler(spec, rngs=rngs)

    def __call__(
        self, tokens: Array, mask: Array, token_types: Array
    ) -> tuple[Array, Array]:
        x = self.encoder(tokens, mask, token_types)
        return x, self.pooler(x)

    def embed(self, tokens: Array, mask: Array, token_types: Array) -> Array:
        x = self.encoder(tokens, mask, token_types)
        total = (x * mask[..., None].astype(x.dtype)).sum(1)  # [B, width]
        return unit(total)


class AlbertForMaskedLM(nnx.Module):
    def __init__(self, spec: AlbertForMaskedLMSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.head = WordHead(spec, rngs=rngs)

    def __call__(self, tokens: Array, mask: Array, token_types: Array) -> Array:
        x = self.encoder(tokens, mask, token_types)
        return self.head(x, word=self.encoder.embeddings.word)

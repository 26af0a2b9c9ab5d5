"""Vectors of words in JAX (Flax NNX), [B, width].

Spec, names, papers: shared/specs/language/word2vec.py.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.decoding import falling
from jax_impl.layers import Embed, unit
from jax_impl.precision import full
from shared.specs.language.word2vec import GloVeSpec, Word2VecSpec


class Word2Vec(nnx.Module):
    """Mikolov et al. 2013, equations 3 and 4."""

    def __init__(self, spec: Word2VecSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.embedding = Embed(spec.pieces, spec.width, rngs=rngs)
        self.told = Embed(spec.told, spec.width, rngs=rngs)

    def __call__(
        self, context: Array, mask: Array, choices: Array, chosen: Array
    ) -> Array:
        x = self.embed(context, mask)
        y = (self.told(choices) * x[:, None]).sum(-1)  # [B, choices]
        return full(y * chosen.astype(y.dtype))

    def embed(self, context: Array, mask: Array) -> Array:
        """The mean of what counts."""
        x = self.embedding(context)  # [B, context, width]
        counts = mask.astype(x.dtype)
        total = (x * counts[..., None]).sum(1)
        return total / jnp.maximum(counts.sum(1, keepdims=True), 1)

    def neighbours(self, context: Array, weights: Array) -> tuple[Array, Array]:
        """The nearest rows by their angle to a weighted sum, and its cosine. [B, k]"""
        table = unit(self.embedding.embedding[...])
        asked = unit((table[context] * weights[..., None]).sum(1))
        near = asked @ table.T  # [B, pieces]
        given = jax.nn.one_hot(context, len(table)).max(1) > 0
        near = jnp.where(given, -math.inf, near)
        found = falling(near)[:, : self.spec.nearest]
        return found, jnp.take_along_axis(near, found, 1)


class GloVe(nnx.Module):
    """Pennington et al. 2014, equation 8."""

    def __init__(self, spec: GloVeSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.words = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.word_bias = Embed(spec.vocab_size, 1, rngs=rngs)
        self.contexts = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.context_bias = Embed(spec.vocab_size, 1, rngs=rngs)

    def __call__(self, word: Array, context: Array, count: Array) -> Array:
        found = (self.words(word) * self.contexts(context)).sum(-1)
        found = found + self.word_bias(word)[:, 0] + self.context_bias(context)[:, 0]
        weight = jnp.minimum(count / self.spec.most, 1) ** self.spec.root
        return full(weight * (found - jnp.log(count)))  # [B]

    def embed(self, word: Array) -> Array:
        """Section 4.2: both vectors together."""
        return self.words(word) + self.contexts(word)

"""Convolutional networks for sentences in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/textcnn.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, Embed, Linear, conv1d
from shared.specs.language.textcnn import PADDING, TextCNNSpec


class TextCNN(nnx.Module):
    def __init__(self, spec: TextCNNSpec, *, rngs: nnx.Rngs):
        if spec.tuned:
            self.embedding = Embed(spec.vocab_size, spec.width, rngs=rngs)
        if spec.kept:
            self.fixed = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.spec = spec
        self.convs = nnx.List(conv1d(c, rngs=rngs) for c in spec.convs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        x = self.words(tokens)
        found = [nnx.relu(conv(x)).max(1) for conv in self.convs]
        return self.fc(self.drop(jnp.concatenate(found, 1)))  # [B, num_classes]

    def words(self, tokens: Array) -> Array:
        """The sum of both channels, as each filter is applied to both."""
        if self.spec.tuned and self.spec.kept:
            x = self.embedding(tokens) + self.fixed(tokens)
        else:
            x = self.embedding(tokens) if self.spec.tuned else self.fixed(tokens)
        return x * (tokens != PADDING)[..., None]  # [B, T, width]

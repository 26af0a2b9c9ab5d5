"""Vectors of words in Keras 3, [B, width].

Spec, names, papers: shared/specs/language/word2vec.py.
"""

import math

from keras import KerasTensor, ops

from keras_impl.decoding import falling
from keras_impl.layers import Embedding, SpecModel, unit
from keras_impl.precision import full
from shared.specs.language.word2vec import GloVeSpec, Word2VecSpec


class Word2Vec(SpecModel):
    """Mikolov et al. 2013, equations 3 and 4."""

    def __init__(self, spec: Word2VecSpec):
        super().__init__(spec)
        self.embedding = Embedding(spec.pieces, spec.width)
        self.told = Embedding(spec.told, spec.width)

    def call(
        self,
        context: KerasTensor,
        mask: KerasTensor,
        choices: KerasTensor,
        chosen: KerasTensor,
    ) -> KerasTensor:
        x = self.embed(context, mask)
        y = ops.sum(self.told(choices) * x[:, None], -1)  # [B, choices]
        return full(y * ops.cast(chosen, y.dtype))

    def embed(self, context: KerasTensor, mask: KerasTensor) -> KerasTensor:
        """The mean of what counts."""
        x = self.embedding(context)  # [B, context, width]
        counts = ops.cast(mask, x.dtype)
        total = ops.sum(x * counts[..., None], 1)
        return total / ops.maximum(ops.sum(counts, 1, keepdims=True), 1)

    def neighbours(
        self, context: KerasTensor, weights: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        """The nearest rows by their angle to a weighted sum, and its cosine. [B, k]"""
        table = unit(ops.convert_to_tensor(self.embedding.embeddings))
        read = ops.take(table, context, 0) * ops.cast(weights, table.dtype)[..., None]
        asked = unit(ops.sum(read, 1))
        near = ops.matmul(asked, ops.transpose(table))  # [B, pieces]
        given = ops.max(ops.one_hot(context, table.shape[0]), 1) > 0
        near = ops.where(given, -math.inf, near)
        found = falling(near)[:, : self.spec.nearest]
        return found, ops.take_along_axis(near, found, 1)


class GloVe(SpecModel):
    """Pennington et al. 2014, equation 8."""

    def __init__(self, spec: GloVeSpec):
        super().__init__(spec)
        self.words = Embedding(spec.vocab_size, spec.width)
        self.word_bias = Embedding(spec.vocab_size, 1)
        self.contexts = Embedding(spec.vocab_size, spec.width)
        self.context_bias = Embedding(spec.vocab_size, 1)

    def call(
        self, word: KerasTensor, context: KerasTensor, count: KerasTensor
    ) -> KerasTensor:
        found = ops.sum(self.words(word) * self.contexts(context), -1)
        found = found + self.word_bias(word)[:, 0] + self.context_bias(context)[:, 0]
        weight = ops.minimum(count / self.spec.most, 1) ** self.spec.root
        return full(weight * (found - ops.log(count)))  # [B]

    def embed(self, word: KerasTensor) -> KerasTensor:
        """Section 4.2: both vectors together."""
        return self.words(word) + self.contexts(word)

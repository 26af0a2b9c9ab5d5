"""Vectors of words in NumPy, [B, width].

Spec, names, papers: shared/specs/language/word2vec.py.
"""

import numpy as np

from shared.arrays import Array
from shared.definitions.decoding import falling
from shared.definitions.losses.base import unit
from shared.reference.layers.embedding import Embedding
from shared.reference.module import Module
from shared.specs.language.word2vec import GloVeSpec, Word2VecSpec


class Word2Vec(Module):
    """Mikolov et al. 2013, equations 3 and 4: y_j = m_j u_j . x of x = sum c_i v_i / n,
    so du_j = g_j m_j x and dv_i = c_i / n sum_j g_j m_j u_j."""

    def __init__(self, spec: Word2VecSpec):
        self.spec = spec
        self.embedding = Embedding(spec.pieces, spec.width)
        self.told = Embedding(spec.told, spec.width)

    def forward(
        self, context: Array, mask: Array, choices: Array, chosen: Array
    ) -> Array:
        self.x, self.u = self.embed(context, mask), self.told(choices)
        self.chosen = chosen
        return np.einsum("bjw,bw->bj", self.u, self.x) * chosen  # [B, choices]

    def embed(self, context: Array, mask: Array) -> Array:
        """The mean of what counts."""
        self.share = mask / np.maximum(mask.sum(1, keepdims=True), 1)
        return np.einsum("bi,biw->bw", self.share, self.embedding(context))

    def backward(self, g: Array) -> tuple[None, None, None, None]:
        g = g * self.chosen
        self.told.backward(g[..., None] * self.x[:, None])
        self.embed_backward(np.einsum("bj,bjw->bw", g, self.u))
        return None, None, None, None

    def embed_backward(self, g: Array) -> tuple[None, None]:
        self.embedding.backward(self.share[..., None] * g[:, None])
        return None, None

    def neighbours(self, context: Array, weights: Array) -> tuple[Array, Array]:
        """The nearest rows by their angle to a weighted sum, and its cosine. [B, k]"""
        table = unit(self.embedding.weight.value)
        asked = unit(np.einsum("bi,biw->bw", weights, table[context]))
        near = asked @ table.T  # [B, pieces]
        np.put_along_axis(near, context, -np.inf, 1)
        found = falling(near)[:, : self.spec.nearest]
        return found, np.take_along_axis(near, found, 1)


class GloVe(Module):
    """Pennington et al. 2014, equation 8: y = r (w . c + b + d - log n) of the root
    r = min(1, n / m)^p, so dw = g r c, db = g r, and dn = g (r' (y / r) - r / n) with
    r' = p r / n below m and 0 from there on."""

    def __init__(self, spec: GloVeSpec):
        self.spec = spec
        self.words = Embedding(spec.vocab_size, spec.width)
        self.word_bias = Embedding(spec.vocab_size, 1)
        self.contexts = Embedding(spec.vocab_size, spec.width)
        self.context_bias = Embedding(spec.vocab_size, 1)

    def forward(self, word: Array, context: Array, count: Array) -> Array:
        self.w, self.c, self.count = self.words(word), self.contexts(context), count
        found = (self.w * self.c).sum(-1)
        found = found + self.word_bias(word)[:, 0] + self.context_bias(context)[:, 0]
        self.off = found - np.log(count)
        self.root = np.minimum(count / self.spec.most, 1) ** self.spec.root
        return self.root * self.off  # [B]

    def backward(self, g: Array) -> tuple[None, None, Array]:
        each = (g * self.root)[:, None]
        self.words.backward(each * self.c)
        self.contexts.backward(each * self.w)
        self.word_bias.backward(each)
        self.context_bias.backward(each)
        rises = self.count < self.spec.most
        slope = rises * self.spec.root * self.root / self.count
        return None, None, g * (slope * self.off - self.root / self.count)

    def embed(self, word: Array) -> Array:
        """Section 4.2: both vectors together."""
        return self.words(word) + self.contexts(word)

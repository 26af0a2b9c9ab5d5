"""Vectors of words in PyTorch, [B, width].

Spec, names, papers: shared/specs/language/word2vec.py.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.decoding import falling
from pytorch_impl.layers import unit
from pytorch_impl.precision import full
from shared.specs.language.word2vec import GloVeSpec, Word2VecSpec


class Word2Vec(nn.Module):
    """Mikolov et al. 2013, equations 3 and 4."""

    def __init__(self, spec: Word2VecSpec):
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.pieces, spec.width)
        self.told = nn.Embedding(spec.told, spec.width)

    def forward(
        self, context: Tensor, mask: Tensor, choices: Tensor, chosen: Tensor
    ) -> Tensor:
        x = self.embed(context, mask)
        y = (self.told(choices) * x[:, None]).sum(-1)  # [B, choices]
        return full(y * chosen.to(y.dtype))

    def embed(self, context: Tensor, mask: Tensor) -> Tensor:
        """The mean of what counts."""
        x = self.embedding(context)  # [B, context, width]
        counts = mask.to(x.dtype)
        total = (x * counts[..., None]).sum(1)
        return total / counts.sum(1, keepdim=True).clamp(min=1)

    def neighbours(self, context: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest rows by their angle to a weighted sum, and its cosine. [B, k]"""
        table = unit(self.embedding.weight)
        asked = unit((table[context] * weights[..., None]).sum(1))
        near = asked @ table.T  # [B, pieces]
        given = F.one_hot(context, len(table)).amax(1) > 0
        near = near.masked_fill(given, -math.inf)
        found = falling(near)[:, : self.spec.nearest]
        return found, near.gather(1, found)


class GloVe(nn.Module):
    """Pennington et al. 2014, equation 8."""

    def __init__(self, spec: GloVeSpec):
        super().__init__()
        self.spec = spec
        self.words = nn.Embedding(spec.vocab_size, spec.width)
        self.word_bias = nn.Embedding(spec.vocab_size, 1)
        self.contexts = nn.Embedding(spec.vocab_size, spec.width)
        self.context_bias = nn.Embedding(spec.vocab_size, 1)

    def forward(self, word: Tensor, context: Tensor, count: Tensor) -> Tensor:
        found = (self.words(word) * self.contexts(context)).sum(-1)
        found = found + self.word_bias(word)[:, 0] + self.context_bias(context)[:, 0]
        weight = (count / self.spec.most).clamp(max=1) ** self.spec.root
        return full(weight * (found - count.log()))  # [B]

    def embed(self, word: Tensor) -> Tensor:
        """Section 4.2: both vectors together."""
        return self.words(word) + self.contexts(word)

"""Vectors of words: word2vec (Mikolov et al. 2013, https://arxiv.org/abs/1301.3781 and
https://arxiv.org/abs/1310.4546), fastText (Bojanowski et al. 2016, arXiv:1607.04606)
and GloVe (Pennington et al. 2014, doi:10.3115/v1/D14-1162).

Settled here, as the published codes have it:
  context    the mean of the vectors that count, 0 where none does: of one word in
             skip-gram, of those around in CBOW, of a word's own and its pieces' in
             fastText
  choices    rows of a second table: the word that is near and some that are not
             (negative sampling), or a word's way through Huffman's tree (hierarchical
             softmax), filled up; what fills it is a logit of 0 and learns nothing
  loss       of each choice by itself, 1 for what is right; the mean, where the papers
             have the sum
  GloVe      puts out what each pair is off by, times the root of its weight: the square
             of that is the summand of equation 8
  start      word2vec's: even up to half of 1 / width, the second table 0; GloVe's: both
             tables and biases so
  neighbours by the angle to a weighted sum of vectors of length 1; what was asked with
             is left out, equals come by their index. With weights of -1, 1 and 1 it is
             an analogy (3CosAdd)

Names: embedding told; of GloVe words word_bias contexts context_bias
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.initializers import Initializer, Uniform, Zeros
from shared.definitions.losses import MSE, BinaryCrossEntropy
from shared.fields import Positive, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import Program, Spec, Tensor, Variant
from shared.tensors import mask


@dataclass(frozen=True, kw_only=True)
class Word2VecSpec(Spec):
    """pieces: rows of the first table, words and what else is read. told: of the
    second. context: how many are read at once. choices: of the second table, at once.
    nearest: how many neighbours are given.
    """

    cases: ClassVar[tuple[str, ...]] = ("nothing",)

    pieces: Size
    told: Size
    width: Size
    context: Size
    choices: Size
    nearest: Size = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.pieces - self.context
        if self.nearest > most:
            allowed = f"at most {most}, pieces without what is asked with"
            self.refuse("nearest", self.nearest, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (
            *self.read,
            Tensor("choices", (self.choices,), below=self.told),
            mask("chosen", (self.choices,)),
        )

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.choices,)),)

    def programs(self) -> Mapping[str, Program]:
        vector = (Tensor("vector", (self.width,)),)
        asked = self.read[0], Tensor("weights", (self.context,))
        found = (
            Tensor("neighbours", (self.nearest,), below=self.pieces),
            Tensor("cosines", (self.nearest,)),
        )
        return {
            "embed": Program("embed", self.read, vector, differentiable=True),
            "neighbours": Program("neighbours", asked, found, margin=_margin),
        }

    def objective(self) -> Supervised:
        return Supervised(loss=BinaryCrossEntropy())

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """In the case first nothing is read, and then nothing is to be told."""
        context, counts, choices, chosen = super().examples(batch, seed)
        if case:
            counts[:1], chosen[1:2] = 0, 0
        return context, counts, choices, chosen

    def starts(self) -> Mapping[str, Initializer]:
        even = Uniform(bound=0.5 / self.width)
        return {"embedding.weight": even, "told.weight": Zeros()}

    @property
    def read(self) -> tuple[Tensor, Tensor]:
        context = Tensor("context", (self.context,), below=self.pieces)
        return context, mask("mask", (self.context,))


@dataclass(frozen=True, kw_only=True)
class GloVeSpec(Spec):
    """most, power: of the weight of a pair that was counted x times,
    min(1, x / most) ** power.
    """

    vocab_size: Size
    width: Size
    most: Positive = 100.0
    power: Positive = 0.75

    def inputs(self) -> tuple[Tensor, ...]:
        return (
            Tensor("word", (), below=self.vocab_size),
            Tensor("context", (), below=self.vocab_size),
            Tensor("count", ()),
        )

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("off", ()),)

    def programs(self) -> Mapping[str, Program]:
        vector = (Tensor("vector", (self.width,)),)
        return {"embed": Program("embed", self.inputs()[:1], vector)}

    def objective(self) -> Supervised:
        return Supervised(loss=MSE())

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Counts are positive, and on both sides of `most`."""
        word, context, count = super().examples(batch, seed, case)
        return word, context, self.most * np.exp(count)

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        return (np.zeros(len(inputs[0])),)

    def starts(self) -> Mapping[str, Initializer]:
        return {"*": Uniform(bound=0.5 / self.width)}

    @property
    def root(self) -> float:
        """The power of the weight's root."""
        return self.power / 2


def _margin(inputs: Arrays, outputs: Arrays) -> Array:
    """By how much each neighbour is nearer or further than the next to it."""
    _, cosines = outputs
    gaps = np.pad(-np.diff(cosines), ((0, 0), (1, 1)), constant_values=np.inf)
    return np.minimum(gaps[:, :-1], gaps[:, 1:])


_SUM = "sum over its layers"
_NEWS = "3 million words of 300 numbers, as published; both tables"
VARIANTS = {
    "word2vec_tiny": Variant(
        Word2VecSpec(pieces=9, told=7, width=4, context=3, choices=5, nearest=3),
        64,
        _SUM,
        tiny=True,
    ),
    "glove_tiny": Variant(
        GloVeSpec(vocab_size=6, width=5, most=2.0), 72, _SUM, tiny=True
    ),
    "word2vec_news": Variant(
        Word2VecSpec(pieces=3_000_000, told=3_000_000, width=300, context=1, choices=6),
        1_800_000_000,
        _NEWS,
    ),
    "fasttext_wiki": Variant(
        Word2VecSpec(
            pieces=4_519_370, told=2_519_370, width=300, context=40, choices=6
        ),
        2_111_622_000,
        "2,519,370 words and 2 million buckets of pieces, as published; both tables",
    ),
    "glove_6b": Variant(
        GloVeSpec(vocab_size=400_000, width=300),
        240_800_000,
        "400,000 words of 300 numbers, as published; both tables with their biases",
    ),
}

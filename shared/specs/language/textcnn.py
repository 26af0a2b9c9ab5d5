"""Convolutional networks for sentences (Kim 2014, https://arxiv.org/abs/1408.5882).

Settled here because the paper leaves it open, or codes disagree:
  channels  "rand" and "non-static" train the vectors of words and differ in what these
            start from alone; "static" leaves them as they are; "multichannel" has both
            kinds, and each filter is applied to both and its results are added
            (section 2.1), before bias and ReLU
  padding   is word 0, whose vector counts as 0, as in the author's code
  filters   see whole windows of words: a sentence is padded to the longest kernel
  pooling   the largest value over time, after ReLU
  dropout   of what the linear layer reads; the bound of 3 on its weights is the
            optimizer's business, and is not part of the network
  start     words uniform within 0.25 of 0, as the paper has unknown ones; filters and
            the linear layer as torch has them

Names: embedding (trained) fixed (not trained) convs.{i} fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from shared.arrays import Arrays
from shared.definitions.initializers import Initializer, Uniform, of_torch
from shared.definitions.losses import CrossEntropy
from shared.fields import Rate, Size
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import Conv1dSpec, Spec, Tensor, Variant
from shared.tensors import sample

PADDING = 0


@dataclass(frozen=True, kw_only=True)
class TextCNNSpec(Spec):
    """tokens: in one input. filters: of each of the kernels."""

    cases: ClassVar[tuple[str, ...]] = ("extreme lengths",)

    mode: Literal["rand", "static", "non-static", "multichannel"]
    vocab_size: Size
    tokens: Size
    width: Size = 300
    kernels: tuple[Size, ...] = (3, 4, 5)
    filters: Size = 100
    dropout: Rate = 0.5
    num_classes: Size = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kernels or max(self.kernels) > self.tokens:
            allowed = f"one or more, of at most tokens ({self.tokens})"
            self.refuse("kernels", self.kernels, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("tokens", (self.tokens,), below=self.vocab_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def objective(self) -> Supervised:
        return Supervised(
            loss=CrossEntropy(), trains=("embedding.*", "convs.*", "fc.*")
        )

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """Sentences of different lengths, then padding; in the case first one of no
        word, then one of one, then one of all."""
        (words,) = (sample(tensor, batch, seed) for tensor in self.inputs())
        lengths = generator("lengths", seed).integers(1, self.tokens + 1, batch)
        if case:
            extreme = np.array([0, 1, self.tokens])[:batch]
            lengths[: len(extreme)] = extreme
        inside = np.arange(self.tokens) < lengths[:, None]
        return (np.where(inside, words, PADDING),)

    def starts(self) -> Mapping[str, Initializer]:
        convs = {
            f"convs.{i}.*": of_torch(c.c_in * c.k) for i, c in enumerate(self.convs)
        }
        words = Uniform(bound=0.25)
        fc = {"fc.*": of_torch(self.c_out)}
        return {"embedding.weight": words, "fixed.weight": words, **convs, **fc}

    @property
    def tuned(self) -> bool:
        """Whether there are vectors that are trained."""
        return self.mode != "static"

    @property
    def kept(self) -> bool:
        """Whether there are vectors that stay as they are."""
        return self.mode in ("static", "multichannel")

    @property
    def convs(self) -> tuple[Conv1dSpec, ...]:
        return tuple(
            Conv1dSpec(self.width, self.filters, k, bias=True) for k in self.kernels
        )

    @property
    def c_out(self) -> int:
        return len(self.kernels) * self.filters


def _kim(mode: Literal["rand", "static", "non-static", "multichannel"]) -> TextCNNSpec:
    """The network for the MR data: 18,765 words and padding, sentences of 56 words at
    most with 4 of padding at each end."""
    return TextCNNSpec(mode=mode, vocab_size=18_766, tokens=64)


_SUM = "sum over the layers of Kim 2014, section 3, for MR's 18,765 words"
VARIANTS = {
    "textcnn_tiny": Variant(
        TextCNNSpec(
            mode="multichannel",
            vocab_size=11,
            tokens=7,
            width=5,
            kernels=(2, 3),
            filters=4,
            num_classes=3,
        ),
        245,
        "sum over its layers",
        tiny=True,
    ),
    "textcnn_tiny_static": Variant(
        TextCNNSpec(
            mode="static",
            vocab_size=7,
            tokens=5,
            width=3,
            kernels=(4,),
            filters=6,
            dropout=0.0,
            num_classes=2,
        ),
        113,
        "sum over its layers",
        tiny=True,
    ),
    "textcnn_tiny_rand": Variant(
        TextCNNSpec(
            mode="rand",
            vocab_size=9,
            tokens=6,
            width=4,
            kernels=(2,),
            filters=3,
            dropout=0.3,
            num_classes=2,
        ),
        71,
        "sum over its layers",
        tiny=True,
    ),
    "textcnn_rand": Variant(_kim("rand"), 5_990_702, _SUM),
    "textcnn_static": Variant(_kim("static"), 5_990_702, _SUM),
    "textcnn_non_static": Variant(_kim("non-static"), 5_990_702, _SUM),
    "textcnn_multichannel": Variant(_kim("multichannel"), 11_620_502, _SUM),
}

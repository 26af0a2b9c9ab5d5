"""Siamese networks: one tower that all inputs go through, and what is wanted of how far
apart it puts them (Bromley et al. 1993, https://doi.org/10.1142/S0218001493000339):
pairs drawn together or pushed apart (Hadsell, Chopra, LeCun 2006,
https://doi.org/10.1109/CVPR.2006.100), triplets (Schroff, Kalenichenko, Philbin 2015,
https://arxiv.org/abs/1503.03832), and pairs that a last layer says to be alike (Koch,
Zemel, Salakhutdinov 2015, https://www.cs.cmu.edu/~rsalakhu/papers/oneshot1.pdf).

Settled here because the papers leave it open, or libraries disagree:
  tower      a network of one of three families; what its last layer puts out is the
             place. It is called for one input after another, so batch norm sees each by
             itself, and its running statistics see all of them in turn
  pairs      0 stands for alike, 1 for not (2006, section 2.1)
  triplets   squared distances (1503.03832, equation 3), or with squared=False the
             distances, as torch has them; triplets are given, none is mined
  normed     places lie on the unit sphere, as FaceNet's; one that is all 0 stays there,
             and has no gradient
  one shot   a logit, 1 stands for alike: a weighted sum of |h1 - h2| with a bias, which
             the formula of 2015 lacks and codes have; the last convolution is not
             pooled (figure 4)
  start      of one shot as in 2015, section 3.2: normal, biases about 0.5

Names: tower.*, as its family has them; of one shot tower.{convs.{i},fc} fc
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from shared.arrays import Arrays
from shared.definitions.initializers import Initializer, Normal
from shared.definitions.losses import BinaryCrossEntropy, Contrastive, Triplet
from shared.fields import Side, Size
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.randomness import generator
from shared.specs.base import (
    ConvSpec,
    Pair,
    Pool,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.simple_cnn import SimpleCNNSpec

PAIR = ("first", "second")
TRIPLET = ("anchor", "alike", "other")


@dataclass(frozen=True, kw_only=True)
class _Towers(Spec):
    """Case `same`: all inputs are one; their places are, where nothing drops."""

    cases: ClassVar[tuple[str, ...]] = ("same",)

    @property
    def given(self) -> Tensor:
        """What the tower takes."""
        raise NotImplementedError

    @property
    def place(self) -> Tensor:
        """What the tower puts out."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        return PAIR

    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(replace(self.given, name=name) for name in self.names)

    def programs(self) -> Mapping[str, Program]:
        given = self.inputs()[:1]
        return {"embed": Program("embed", given, (self.place,), differentiable=True)}

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        if case not in self.cases:
            return super().examples(batch, seed, case)
        first, *others = super().examples(batch, seed)
        return (first, *(first.copy() for _ in others))


@dataclass(frozen=True, kw_only=True)
class SiameseSpec(_Towers):
    """One tower is called for each of two or three inputs.

    normed: each place is divided by its length.
    """

    tower: MLPSpec | SimpleCNNSpec | LeNetSpec
    loss: Contrastive | Triplet
    normed: bool = False

    @property
    def given(self) -> Tensor:
        return self.tower.inputs()[0]

    @property
    def place(self) -> Tensor:
        return replace(self.tower.outputs(False)[0], name="place")

    @property
    def names(self) -> tuple[str, ...]:
        return TRIPLET if isinstance(self.loss, Triplet) else PAIR

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return tuple(replace(self.place, name=f"of_{name}") for name in self.names)

    def objective(self) -> Objective:
        return Supervised(loss=self.loss, heads=None)

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        """Draw the targets; triplets want none."""
        if isinstance(self.loss, Triplet):
            return ()
        draw = generator("target", 0, seed)
        return (draw.integers(0, 2, len(inputs[0])).astype(np.float64),)

    def starts(self) -> Mapping[str, Initializer]:
        return {f"tower.{names}": how for names, how in self.tower.starts().items()}


@dataclass(frozen=True, kw_only=True)
class OneShotSpec(_Towers):
    """One tower is called twice, and a layer weighs where the two places differ.

    widths, kernels: of the convolutions; hidden: how many numbers a place has.
    """

    channels: Size = 1
    image_size: tuple[Side, Side] = (105, 105)
    widths: tuple[Size, ...] = (64, 128, 128, 256)
    kernels: tuple[Size, ...] = (10, 7, 4, 4)
    hidden: Size = 4096

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths or len(self.kernels) != len(self.widths):
            allowed = f"one a convolution, which {self.widths} are"
            self.refuse("kernels", self.kernels, allowed)
        if min(self.map_size) < 1:
            allowed = "a size that leaves a pixel after the last convolution"
            self.refuse("image_size", self.image_size, allowed)

    @property
    def given(self) -> Tensor:
        return image(self.channels, *self.image_size)

    @property
    def place(self) -> Tensor:
        return Tensor("place", (self.hidden,))

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logit", (1,)),)

    def objective(self) -> Objective:
        return Supervised(loss=BinaryCrossEntropy())

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "*.bias": Normal(std=0.01, mean=0.5),
            "tower.convs.*": Normal(std=0.01),
            "*.weight": Normal(std=0.2),
        }

    @property
    def convs(self) -> tuple[ConvSpec, ...]:
        sizes = zip(pairwise((self.channels, *self.widths)), self.kernels, strict=True)
        return tuple(ConvSpec(*c, kernel) for c, kernel in sizes)

    @property
    def pool(self) -> Pool:
        """After every convolution but the last."""
        return Pool(2, 2)

    @property
    def map_size(self) -> Pair:
        """Give the size that the last convolution leaves; below 1 nothing is left."""
        *pooled, last = self.convs
        size = self.image_size
        for c in pooled:
            size = self.pool.map_size(*c.map_size(*size))
            if min(size) < 1:
                return size
        return last.map_size(*size)

    @property
    def features(self) -> int:
        rows, columns = self.map_size
        return self.widths[-1] * rows * columns


_SUM = "sum over its layers"
VARIANTS = {
    "siamese_tiny": Variant(
        SiameseSpec(
            tower=MLPSpec(
                features=7,
                hidden=(9,),
                targets=4,
                activation="tanh",
                dropout=0.25,
                batch_norm=True,
                bn_eps=1e-3,
                bn_decay=0.8,
            ),
            loss=Contrastive(margin=2.0),
        ),
        121,
        _SUM,
        tiny=True,
    ),
    "siamese_tiny_triplet": Variant(
        SiameseSpec(
            tower=SimpleCNNSpec(
                channels=2,
                image_size=(9, 12),
                widths=(3, 5),
                padding=1,
                hidden=(6,),
                dropout=0.3,
                num_classes=4,
            ),
            loss=Triplet(margin=0.3),
            normed=True,
        ),
        411,
        _SUM,
        tiny=True,
    ),
    "one_shot_tiny": Variant(
        OneShotSpec(
            channels=2,
            image_size=(19, 28),
            widths=(3, 5, 4),
            kernels=(4, 3, 2),
            hidden=6,
        ),
        528,
        _SUM,
        tiny=True,
    ),
    "siamese_mlp": Variant(
        SiameseSpec(
            tower=MLPSpec(
                features=784,
                hidden=(128, 128),
                targets=128,
                activation="relu",
                dropout=0.1,
            ),
            loss=Contrastive(),
        ),
        133_504,
        "sum over the layers of Keras's example mnist_siamese",
    ),
    "siamese_lenet": Variant(
        SiameseSpec(
            tower=LeNetSpec(num_classes=32, activation="relu", pooling="max"),
            loss=Triplet(),
            normed=True,
        ),
        63_576,
        _SUM,
    ),
    "one_shot": Variant(
        OneShotSpec(), 38_951_745, "sum over the layers of Koch et al. 2015, figure 4"
    ),
}

"""AlexNet, twice: of two towers (Krizhevsky, Sutskever and Hinton 2012,
https://doi.org/10.1145/3065386), and of one tower (Krizhevsky 2014, arXiv:1404.5997) as
torchvision builds it.

Settled here, for two towers, because the paper and its ports disagree:
  image    227x227; the paper says 224, at which its first layer does not come out at 55
  towers   the convolutions 2, 4 and 5 have two groups; normalisation and the dense
           layers see both towers
  norm     k + alpha * the sum over n maps (section 3.3); alpha is not divided by n
  order    convolution, ReLU, normalisation, pooling (section 3.5)
  dropout  on the outputs of the first two dense layers (section 4.2)
  start    normal of deviation 0.01; biases of 1 in the convolutions 2, 4 and 5 and in
           the hidden dense layers (section 5)

One tower follows torchvision: the names features.{i} and classifier.{i} with their
gaps, the adaptive pooling, dropout on the INPUTS of the first two dense layers, and
torch's own start, uniform within 1 / sqrt(fan-in) of 0, biases too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.definitions.initializers import Constant, Initializer, Normal, of_torch
from shared.fields import Positive, Rate, Size
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Pool,
    Spec,
    Tensor,
    Variant,
    image,
)

_Five = tuple[Size, Size, Size, Size, Size]
_Pair = tuple[Size, Size]


POOL = Pool(3, 2)  # overlapping, section 3.4
POOLED = (0, 1, 4)  # the convolutions that a pooling follows


def _convs(
    widths: tuple[int, ...], padding: int, groups: tuple[int, ...]
) -> tuple[ConvSpec, ...]:
    """Give the five convolutions. padding: of the first."""
    form = ((11, 4, padding), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
    sizes = pairwise((3, *widths))
    return tuple(
        ConvSpec(*size, *numbers, g)
        for size, numbers, g in zip(sizes, form, groups, strict=True)
    )


def _map_size(image_size: Pair, convs: tuple[ConvSpec, ...]) -> Pair:
    """Height and width of what the last pooling leaves."""
    sizes = image_size
    for i, c in enumerate(convs):
        sizes = c.map_size(*sizes)
        if i in POOLED:
            sizes = POOL.map_size(*sizes)
    return sizes


@dataclass(frozen=True, kw_only=True)
class AlexNetSpec(Spec):
    """One tower."""

    widths: _Five = (64, 192, 384, 256, 256)
    pooled: _Pair = (6, 6)
    hidden: _Pair = (4096, 4096)
    num_classes: Size = 1000
    image_size: _Pair = (224, 224)
    dropout: Rate = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(_map_size(self.image_size, self.convs)) < 1:
            self.refuse("image_size", self.image_size, "at least 63 each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        found, index = {}, 0
        for conv, pools in self.stages:
            found[f"features.{index}.*"] = of_torch(conv.inputs)
            index += 2 + len(pools)  # a ReLU, a pooling
        for i, (c_in, _) in zip((1, 4, 6), self.dense, strict=True):
            found[f"classifier.{i}.*"] = of_torch(c_in)
        return found

    @property
    def convs(self) -> tuple[ConvSpec, ...]:
        return _convs(self.widths, 2, (1,) * 5)

    @property
    def stages(self) -> tuple[tuple[ConvSpec, tuple[Pool, ...]], ...]:
        """Each convolution, with the pooling that follows it, or none."""
        return tuple((c, (POOL,) * (i in POOLED)) for i, c in enumerate(self.convs))

    @property
    def dense(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the three dense layers."""
        height, width = self.pooled
        flat = self.widths[-1] * height * width
        return tuple(pairwise((flat, *self.hidden, self.num_classes)))


@dataclass(frozen=True, kw_only=True)
class TwoTowerAlexNetSpec(Spec):
    widths: _Five = (96, 256, 384, 384, 256)  # of both towers together
    towers: Size = 2
    lrn_size: Size = 5
    lrn_alpha: Positive = 1e-4
    lrn_beta: Positive = 0.75
    lrn_k: Positive = 2.0
    hidden: _Pair = (4096, 4096)
    num_classes: Size = 1000
    image_size: _Pair = (227, 227)
    dropout: Rate = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width % self.towers for width in self.widths):
            self.refuse("towers", self.towers, "a divisor of every width")
        if self.lrn_size % 2 == 0:
            self.refuse("lrn_size", self.lrn_size, "an odd number")
        if min(self.map_size) < 1:
            self.refuse("image_size", self.image_size, "at least 67 each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        ones = ("conv2", "conv4", "conv5", "fc6", "fc7")
        biases = {f"{layer}.bias": Constant(value=1.0) for layer in ones}
        return {**biases, "*.weight": Normal(std=0.01)}

    @property
    def convs(self) -> tuple[ConvSpec, ...]:
        n = self.towers
        return _convs(self.widths, 0, (1, n, 1, n, n))

    @property
    def pool(self) -> Pool:
        return POOL

    @property
    def map_size(self) -> Pair:
        return _map_size(self.image_size, self.convs)

    @property
    def dense(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the three dense layers."""
        height, width = self.map_size
        flat = self.widths[-1] * height * width
        return tuple(pairwise((flat, *self.hidden, self.num_classes)))


_TINY = AlexNetSpec(
    widths=(6, 10, 9, 7, 8),
    pooled=(2, 2),
    hidden=(13, 11),
    num_classes=5,
    image_size=(95, 127),
    dropout=0.3,
)
_TINY_TWO = TwoTowerAlexNetSpec(
    widths=(6, 8, 10, 12, 4),
    lrn_size=5,
    lrn_alpha=0.2,
    lrn_beta=0.6,
    lrn_k=1.5,
    hidden=(13, 9),
    num_classes=5,
    image_size=(99, 131),
    dropout=0.4,
)
_SUM = "sum over its layers"
VARIANTS = {
    "alexnet_tiny": Variant(_TINY, 6_242, _SUM, tiny=True),
    "alexnet_tiny_two_towers": Variant(_TINY_TWO, 4_795, _SUM, tiny=True),
    "alexnet": Variant(AlexNetSpec(), 61_100_840, "torchvision 0.28.0"),
    "alexnet_two_towers": Variant(
        TwoTowerAlexNetSpec(), 60_965_224, "sum over the layers of the 2012 paper"
    ),
    "alexnet_caffe": Variant(
        TwoTowerAlexNetSpec(towers=1),
        62_378_344,
        "the same without groups, sum over its layers",
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "alexnet",
        "torchvision's alexnet",
        VARIANTS["alexnet"],
        image_size=(127, 95),
        dropout=0.0,
    ),
)

"""Spatial transformer networks (Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015,
https://arxiv.org/abs/1506.02025): a network finds an affine transformation of each
picture, by which the picture is read anew before it is classified.

Settled here because libraries disagree:
  places    a picture is from -1 to 1 on both axes, from border to border, and pixels
            are areas of which the middles are read; torch's align_corners=False. Where
            corners are aligned, -1 and 1 are the middles of the outermost pixels
  between   four pixels, bilinearly (equation 5); what lies outside is 0
  theta     two rows: of a place (x, y, 1) in the new picture they give its x and its y
            in the old one (equation 1)
  layers    of the localisation: convolutions, each with max pooling of 2x2 and ReLU,
            one dense layer with ReLU, one that gives theta, as in PyTorch's tutorial,
            whose maps are dropped as well
  start     theta is the identity for every picture: weights 0, biases that are it; the
            others as in simple_cnn

Names: localisation.{convs.{i},hidden,out} classifier.*, as simple_cnn has them
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from shared.definitions.initializers import Given, HeNormal, Initializer, Zeros
from shared.fields import Size
from shared.specs.base import ConvSpec, Pair, Pool, Program, Spec, Tensor, Variant
from shared.specs.vision.simple_cnn import SimpleCNNSpec


@dataclass(frozen=True, kw_only=True)
class STNSpec(Spec):
    """widths, kernels: of the localisation's convolutions. hidden: of its dense layer.
    classifier: what the transformed picture is given to.
    """

    classifier: SimpleCNNSpec
    widths: tuple[Size, ...]
    kernels: tuple[Size, ...]
    hidden: Size

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            self.refuse("widths", self.widths, "at least one convolution")
        if len(self.kernels) != len(self.widths):
            self.refuse("kernels", self.kernels, "one for each of widths")
        if min(self.map_size) < 1:
            allowed = "kernels that leave a pixel after each pooling"
            self.refuse("kernels", self.kernels, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return self.classifier.inputs()

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return self.classifier.outputs(training)

    def programs(self) -> Mapping[str, Program]:
        (picture,) = self.inputs()
        found = (replace(picture, name="transformed"), Tensor("theta", (2, 3)))
        own = Program("transform", (picture,), found, differentiable=True)
        return {"transform": own}

    def starts(self) -> Mapping[str, Initializer]:
        own = self.classifier.starts()
        return {
            "localisation.out.weight": Zeros(),
            "localisation.out.bias": Given(rows=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))),
            "localisation.*.weight": HeNormal(),
            **{f"classifier.{names}": how for names, how in own.items()},
        }

    def unnamed_products(self) -> int:
        """Give four of each value that is read."""
        (picture,) = self.inputs()
        return 4 * math.prod(picture.shape)

    @property
    def image_size(self) -> Pair:
        return self.classifier.image_size

    @property
    def convs(self) -> tuple[ConvSpec, ...]:
        sizes = pairwise((self.classifier.channels, *self.widths))
        pairs = zip(sizes, self.kernels, strict=True)
        return tuple(ConvSpec(*c, kernel) for c, kernel in pairs)

    @property
    def pool(self) -> Pool:
        return Pool(2, 2)

    @property
    def map_size(self) -> Pair:
        """Gives the size that the last pooling leaves; below 1 nothing is left."""
        size = self.image_size
        for c in self.convs:
            size = self.pool.map_size(*c.map_size(*size))
            if min(size) < 1:
                break
        return size

    @property
    def features(self) -> int:
        """What the localisation's dense layer reads."""
        return self.widths[-1] * math.prod(self.map_size)

    @property
    def points(self) -> tuple[tuple[float, float, float], ...]:
        """Give (x, y, 1) of each pixel's middle, row by row."""
        return _points(*self.image_size)


@cache
def _points(rows: int, columns: int) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        ((2 * column + 1) / columns - 1, (2 * row + 1) / rows - 1, 1.0)
        for row in range(rows)
        for column in range(columns)
    )


VARIANTS = {
    "stn_tiny": Variant(
        STNSpec(
            classifier=SimpleCNNSpec(
                channels=2,
                image_size=(11, 14),
                widths=(3,),
                hidden=(6,),
                dropout=0.3,
                num_classes=5,
            ),
            widths=(3, 5),
            kernels=(3, 2),
            hidden=7,
        ),
        777,
        "sum over its layers",
        tiny=True,
    ),
    "stn_digits": Variant(
        STNSpec(
            classifier=SimpleCNNSpec(
                image_size=(20, 20), widths=(16, 32), padding=1, hidden=(64,)
            ),
            widths=(8, 16),
            kernels=(5, 3),
            hidden=32,
        ),
        62_928,
        "sum over its layers",
    ),
    "stn_mnist": Variant(
        STNSpec(
            classifier=SimpleCNNSpec(widths=(10, 20), kernel=5, hidden=(50,)),
            widths=(8, 10),
            kernels=(7, 5),
            hidden=32,
        ),
        27_360,
        "sum over the layers of PyTorch's tutorial, spatial transformer networks",
    ),
}

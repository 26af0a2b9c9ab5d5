"""Inception v4 and Inception-ResNet v2 (Szegedy et al. 2016,
https://arxiv.org/abs/1602.07261), as their authors' weights have them.

Settled here because paper and ports disagree:
  stem      Inception-ResNet has that of v3, not v4's as in figure 3
  widths    those of the weights, where the figures have others
  padding   in the branches none at stride 2, else symmetric
  mean      does not count the padding
  scale     one for all residuals of a stage (section 3.3); the last block has neither a
            scale nor a ReLU
  dropout   0.2 in front of the last layer; timm has none
  bn_decay  the share of the OLD running value that is kept
  start     torch's own

Names are timm's. Each unit is {conv,bn}.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.definitions.initializers import HeUniform, Initializer, of_torch
from shared.fields import Depth, Positive, Rate
from shared.specs.base import ConvSpec, Original, Pool, Variant
from shared.specs.vision.inception import (
    Chain,
    InceptionBase,
    MixedSpec,
    Wanted,
)

MEAN = Pool(3, 1, 1, count_pads=False)
_OF_TORCH = HeUniform(activation="leaky_relu", slope=math.sqrt(5))
_ROW, _COLUMN = (1, 7), (7, 1)


@dataclass(frozen=True)
class ResidualSpec:
    """Branches side by side, and the projection of all of them back to the width of
    what comes in, to which `scale` times it is added."""

    branches: tuple[Chain, ...]
    projection: ConvSpec
    scale: float
    relu: bool


@dataclass(frozen=True, kw_only=True)
class InceptionV4Spec(InceptionBase):
    """The network is made of blocks A, B and C with reductions between them.

    depths: of the blocks A, B and C (figure 9).
    """

    depths: tuple[Depth, Depth, Depth] = (4, 7, 3)
    dropout: Rate = 0.2

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.conv.weight": _OF_TORCH, "last_linear.*": of_torch(self.c_out)}

    @property
    def stem(self) -> Chain:
        """Gives what stands in front of the blocks (figure 3)."""
        return self.convs(3, (32, 3, 2), (32, 3, 1), (64, 3))

    @property
    def mixed_3a(self) -> MixedSpec:
        c_in = self.stem[-1].c_out
        return self.mixed(c_in, ((96, 3, 2),), pooled=c_in)

    @property
    def mixed_4a(self) -> MixedSpec:
        return self.mixed(
            self.mixed_3a.c_out,
            ((64, 1), (96, 3, 1)),
            ((64, 1), (64, _ROW), (64, _COLUMN), (96, 3, 1)),
        )

    @property
    def mixed_5a(self) -> MixedSpec:
        c_in = self.mixed_4a.c_out
        return self.mixed(c_in, ((192, 3, 2),), pooled=c_in)

    @property
    def inception_a(self) -> tuple[MixedSpec, ...]:
        return _repeated(self.depths[0], self.mixed_5a.c_out, self._a)

    @property
    def reduction_a(self) -> MixedSpec:
        """Figure 7."""
        c_in = self.inception_a[-1].c_out
        branches = ((384, 3, 2),), ((192, 1), (224, 3), (256, 3, 2))
        return self.mixed(c_in, *branches, pooled=c_in)

    @property
    def inception_b(self) -> tuple[MixedSpec, ...]:
        return _repeated(self.depths[1], self.reduction_a.c_out, self._b)

    @property
    def reduction_b(self) -> MixedSpec:
        """Figure 8."""
        c_in = self.inception_b[-1].c_out
        first: tuple[Wanted, ...] = ((192, 1), (192, 3, 2))
        second = ((256, 1), (256, _ROW), (320, _COLUMN), (320, 3, 2))
        return self.mixed(c_in, first, second, pooled=c_in)

    @property
    def inception_c(self) -> tuple[MixedSpec, ...]:
        return _repeated(self.depths[2], self.reduction_b.c_out, self._c)

    @property
    def c_out(self) -> int:
        return self.inception_c[-1].c_out

    def _a(self, c_in: int) -> MixedSpec:
        """Build figure 4."""
        return self.mixed(
            c_in,
            ((96, 1),),
            ((64, 1), (96, 3)),
            ((64, 1), (96, 3), (96, 3)),
            ((96, 1),),
        )

    def _b(self, c_in: int) -> MixedSpec:
        """Build figure 5."""
        return self.mixed(
            c_in,
            ((384, 1),),
            ((192, 1), (224, _ROW), (256, _COLUMN)),
            ((192, 1), (192, _COLUMN), (224, _ROW), (224, _COLUMN), (256, _ROW)),
            ((128, 1),),
        )

    def _c(self, c_in: int) -> MixedSpec:
        """Build figure 6."""
        one, pooled = self.convs(c_in, (256, 1)), self.convs(c_in, (256, 1))
        two = self.forked(c_in, (384, 1), width=256)
        chain: tuple[Wanted, ...] = ((384, 1), (448, (3, 1)), (512, (1, 3)))
        three = self.forked(c_in, *chain, width=256)
        ends = (*one, *two[-2:], *three[-2:], *pooled)
        return MixedSpec((one, two, three, pooled), sum(c.c_out for c in ends))


def _repeated(
    depth: int, c_in: int, block: Callable[[int], MixedSpec]
) -> tuple[MixedSpec, ...]:
    found: list[MixedSpec] = []
    for _ in range(depth):
        found.append(block(found[-1].c_out if found else c_in))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class InceptionResNetV2Spec(InceptionBase):
    """depths, scales: of the residual blocks A, B and C; a last one of C follows."""

    depths: tuple[Depth, Depth, Depth] = (10, 20, 9)
    scales: tuple[Positive, Positive, Positive] = (0.17, 0.1, 0.2)
    dropout: Rate = 0.2

    def starts(self) -> Mapping[str, Initializer]:
        biases: dict[str, Initializer] = {
            f"{name}.*conv2d.bias": of_torch(block.projection.c_in)
            for name, block in (
                ("repeat", self.repeat[0]),
                ("repeat_1", self.repeat_1[0]),
                ("repeat_2", self.repeat_2[0]),
                ("block8", self.block8),
            )
        }
        weights = {"*.conv.weight": _OF_TORCH, "*.conv2d.weight": _OF_TORCH}
        return {**biases, **weights, "classif.*": of_torch(self.conv2d_7b.c_out)}

    @property
    def mixed_5b(self) -> MixedSpec:
        return self.mixed(
            self.stem[-1].c_out,
            ((96, 1),),
            ((48, 1), (64, 5)),
            ((64, 1), (96, 3), (96, 3)),
            ((64, 1),),
        )

    @property
    def repeat(self) -> tuple[ResidualSpec, ...]:
        """Inception-ResNet-A (figure 16)."""
        third: tuple[Wanted, ...] = ((32, 1), (48, 3), (64, 3))
        branches = ((32, 1),), ((32, 1), (32, 3)), third
        block = self._residual(self.mixed_5b.c_out, *branches, scale=self.scales[0])
        return (block,) * self.depths[0]

    @property
    def mixed_6a(self) -> MixedSpec:
        """Figure 7."""
        c_in = self.mixed_5b.c_out
        branches = ((384, 3, 2),), ((256, 1), (256, 3), (384, 3, 2))
        return self.mixed(c_in, *branches, pooled=c_in)

    @property
    def repeat_1(self) -> tuple[ResidualSpec, ...]:
        """Inception-ResNet-B (figure 17)."""
        second = ((128, 1), (160, _ROW), (192, _COLUMN))
        branches = ((192, 1),), second
        block = self._residual(self.mixed_6a.c_out, *branches, scale=self.scales[1])
        return (block,) * self.depths[1]

    @property
    def mixed_7a(self) -> MixedSpec:
        """Figure 18."""
        c_in = self.mixed_6a.c_out
        return self.mixed(
            c_in,
            ((256, 1), (384, 3, 2)),
            ((256, 1), (288, 3, 2)),
            ((256, 1), (288, 3), (320, 3, 2)),
            pooled=c_in,
        )

    @property
    def repeat_2(self) -> tuple[ResidualSpec, ...]:
        """Inception-ResNet-C (figure 19)."""
        return (self._residual_c(self.scales[2], relu=True),) * self.depths[2]

    @property
    def block8(self) -> ResidualSpec:
        """The last of them."""
        return self._residual_c(1.0, relu=False)

    @property
    def conv2d_7b(self) -> ConvSpec:
        return self.convs(self.mixed_7a.c_out, (1536, 1))[0]

    def _residual_c(self, scale: float, relu: bool) -> ResidualSpec:
        branches = ((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))
        c_in = self.mixed_7a.c_out
        return self._residual(c_in, *branches, scale=scale, relu=relu)

    def _residual(
        self, c_in: int, *branches: tuple[Wanted, ...], scale: float, relu: bool = True
    ) -> ResidualSpec:
        mixed = self.mixed(c_in, *branches)
        projection = ConvSpec(mixed.c_out, c_in, 1)
        return ResidualSpec(mixed.branches, projection, scale, relu)


_TINY_V4 = InceptionV4Spec(
    depths=(1, 1, 1),
    width=1 / 16,
    dropout=0.3,
    num_classes=6,
    image_size=(107, 139),
    bn_eps=0.03,
    bn_decay=0.8,
)
_TINY_RESNET = InceptionResNetV2Spec(
    depths=(1, 1, 1),
    scales=(0.4, 0.7, 0.3),
    width=1 / 16,
    dropout=0.3,
    num_classes=6,
    image_size=(107, 139),
    bn_eps=0.03,
    bn_decay=0.8,
)
_SUM = "sum over its layers"
VARIANTS = {
    "inception_v4_tiny": Variant(_TINY_V4, 54_360, _SUM, tiny=True),
    "inception_resnet_v2_tiny": Variant(_TINY_RESNET, 62_516, _SUM, tiny=True),
    "inception_v4": Variant(InceptionV4Spec(), 42_679_816, "timm 1.0.31"),
    "inception_resnet_v2": Variant(InceptionResNetV2Spec(), 55_843_464, "timm 1.0.31"),
}

ORACLES = (
    Original.of(
        "timm",
        "timm_inception_v4",
        "timm's inception_v4",
        VARIANTS["inception_v4"],
        image_size=(75, 91),
        dropout=0.0,
    ),
    Original.of(
        "timm",
        "timm_inception_resnet_v2",
        "timm's inception_resnet_v2",
        VARIANTS["inception_resnet_v2"],
        image_size=(91, 75),
        dropout=0.0,
    ),
)

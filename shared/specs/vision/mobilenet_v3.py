"""MobileNetV3, large and small (Howard et al. 2019, https://arxiv.org/abs/1905.02244,
tables 1 and 2), as torchvision builds it.

Settled here because libraries disagree:
  padding   symmetric, k // 2 on each side, at every stride
  expand    where the inner width is that of the input there is no first 1x1 convolution
  squeeze   a quarter of the inner width, made a multiple of 8; its gate is
            relu6(x + 3) / 6, behind the depthwise convolution's activation
  head      behind the last block 1x1 convolution, norm, activation, then the mean, then
            two dense layers; six times the last block's width, as in both tables
  width     the multiplier's products are made multiples of 8, the dense layer's too
  bn_eps    1e-3
  bn_decay  the share of the OLD running value that is kept: 0.99
  start     He's normal by fan-out for convs, of deviation 0.01 for dense layers

Names are torchvision's: features.0 features.{i}.block features.{last} classifier.{0,3}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, Normal
from shared.fields import Positive, Rate, Ratio, Side, Size
from shared.specs.base import (
    ConvSpec,
    Original,
    Spec,
    SqueezeSpec,
    Tensor,
    Variant,
    image,
)
from shared.specs.vision.mobilenet_v2 import divisible


@dataclass(frozen=True)
class BlockSpec:
    """The convolutions in order, the last without an activation; shortcut: what the
    block is given is added to what it makes of it."""

    expand: ConvSpec | None
    depthwise: ConvSpec
    activation: str
    squeeze: SqueezeSpec | None
    project: ConvSpec
    shortcut: bool


# The tables' columns: kernel, inner width, width, SE, NL, s.
Row = tuple[Size, Size, Size, bool, Literal["relu", "hard_swish"], Literal[1, 2]]
LARGE: tuple[Row, ...] = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1),
    (3, 672, 112, True, "hard_swish", 1),
    (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1),
    (5, 960, 160, True, "hard_swish", 1),
)
_SMALL: tuple[Row, ...] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1),
    (5, 144, 48, True, "hard_swish", 1),
    (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1),
    (5, 576, 96, True, "hard_swish", 1),
)


@dataclass(frozen=True, kw_only=True)
class MobileNetV3Spec(Spec):
    table: tuple[Row, ...]
    hidden: Size  # of the dense layer
    width_multiplier: Ratio = 1.0
    divisor: Size = 8  # of every width
    stem_width: Size = 16
    dropout: Rate = 0.2
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.table:
            self.refuse("table", self.table, "one row or more")
        if any(row[0] % 2 == 0 for row in self.table):
            self.refuse("table", self.table, "rows whose kernel is odd")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he, normal = HeNormal(mode="fan_out"), Normal(std=0.01)
        return {
            "features.*.0.weight": he,
            "features.*.fc?.weight": he,
            "classifier.?.weight": normal,
        }

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec.padded(3, self._wide(self.stem_width), 3, 2, bias=False)

    @property
    def blocks(self) -> tuple[BlockSpec, ...]:
        c_in, blocks = self.stem.c_out, []
        for row in self.table:
            blocks.append(self._block(c_in, row))
            c_in = blocks[-1].project.c_out
        return tuple(blocks)

    def _block(self, c_in: int, row: Row) -> BlockSpec:
        k, inner, c_out, squeezes, activation, stride = row
        inner, c_out = self._wide(inner), self._wide(c_out)
        squeezed = divisible(inner // 4, self.divisor)
        expand = ConvSpec(c_in, inner, 1, bias=False)
        depthwise = ConvSpec.depthwise(inner, k, stride, bias=False)
        squeeze = SqueezeSpec(inner, squeezed, "relu", "hard_sigmoid")
        return BlockSpec(
            expand if inner != c_in else None,
            depthwise,
            activation,
            squeeze if squeezes else None,
            ConvSpec(inner, c_out, 1, bias=False),
            stride == 1 and c_in == c_out,
        )

    @property
    def head(self) -> ConvSpec:
        width = self.blocks[-1].project.c_out
        return ConvSpec(width, 6 * width, 1, bias=False)

    @property
    def dense(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Inputs and outputs of the two dense layers."""
        hidden = self._wide(self.hidden)
        return (self.head.c_out, hidden), (hidden, self.num_classes)

    def _wide(self, width: int) -> int:
        return divisible(width * self.width_multiplier, self.divisor)


def _large(multiplier: float, parameters: int) -> Variant:
    spec = MobileNetV3Spec(table=LARGE, hidden=1280, width_multiplier=multiplier)
    return Variant(spec, parameters, f"torchvision 0.28.0, width_mult={multiplier}")


def _small(multiplier: float, parameters: int) -> Variant:
    spec = MobileNetV3Spec(table=_SMALL, hidden=1024, width_multiplier=multiplier)
    return Variant(spec, parameters, f"torchvision 0.28.0, width_mult={multiplier}")


VARIANTS = {
    "mobilenet_v3_tiny": Variant(
        MobileNetV3Spec(
            table=(
                (5, 7, 5, True, "relu", 2),
                (3, 15, 5, False, "hard_swish", 1),
            ),
            hidden=11,
            width_multiplier=1.2,
            divisor=3,
            stem_width=8,
            dropout=0.3,
            num_classes=7,
            image_size=(25, 18),
            bn_eps=1e-2,
            bn_decay=0.8,
        ),
        1_921,
        "sum over its layers",
        tiny=True,
    ),
    "mobilenet_v3_large": _large(1.0, 5_483_032),
    "mobilenet_v3_small": _small(1.0, 2_542_856),
    "mobilenet_v3_large_x1_25": _large(1.25, 8_164_744),
    "mobilenet_v3_large_x0_75": _large(0.75, 3_377_576),
    "mobilenet_v3_small_x1_25": _small(1.25, 3_644_912),
    "mobilenet_v3_small_x0_75": _small(0.75, 1_653_920),
}

ORACLES = (
    Original.of(
        "torchvision",
        "mobilenet_v3_small",
        "torchvision's mobilenet_v3_small",
        VARIANTS["mobilenet_v3_small"],
        without=("gradients",),  # DIFF(hard-float32): torch's are rounded
        image_size=(47, 64),
        dropout=0.0,
    ),
)

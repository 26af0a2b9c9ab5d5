"""MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381, table 2), as
torchvision builds it.

Settled here because libraries disagree:
  padding   symmetric, k // 2 on each side, at every stride
  expand    where the factor is 1 there is no first 1x1 convolution
  width     the multiplier's products are made multiples of 8; the last 1x1 convolution
            is never narrower than the table has it
  bn_eps    1e-5, torch's own
  bn_decay  the share of the OLD running value that is kept
  start     He's normal by fan-out for convs, of deviation 0.01 for the last layer

Names are torchvision's: features.0 features.{i}.conv features.{last} classifier.1
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, Normal
from shared.fields import Depth, Positive, Rate, Ratio, Side, Size
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class BlockSpec:
    """The convolutions in order, the last without an activation (section 3.2);
    shortcut: what the block is given is added to what it makes of it."""

    expand: ConvSpec | None
    depthwise: ConvSpec
    project: ConvSpec
    shortcut: bool


def divisible(width: float, divisor: int) -> int:
    """The nearest multiple, unless more than a tenth is lost to it; at least one."""
    nearest = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return nearest + divisor * (nearest < 0.9 * width)


# Table 2: the factor t, the width c, how many n, the stride s of the first.
Row = tuple[Size, Size, Depth, Literal[1, 2]]
_TABLE: tuple[Row, ...] = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Spec(Spec):
    width_multiplier: Ratio = 1.0
    divisor: Size = 8  # of every width
    stem_width: Size = 32
    table: tuple[Row, ...] = _TABLE
    head_width: Size = 1280
    dropout: Rate = 0.2
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.table:
            self.refuse("table", self.table, "one row or more")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        projections = {
            f"features.{i}.conv.{2 if b.expand else 1}.weight": he
            for i, b in enumerate(self.blocks, start=1)
        }
        last = {"classifier.1.weight": Normal(std=0.01)}
        return {**projections, **last, "features.*.0.weight": he}

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec.padded(3, self._wide(self.stem_width), 3, 2, bias=False)

    @property
    def blocks(self) -> tuple[BlockSpec, ...]:
        c_in, blocks = self.stem.c_out, []
        for factor, width, depth, stride in self.table:
            c_out = self._wide(width)
            for i in range(depth):
                blocks.append(_block(c_in, c_out, factor, stride if i == 0 else 1))
                c_in = c_out
        return tuple(blocks)

    @property
    def head(self) -> ConvSpec:
        width = self.head_width * max(1.0, self.width_multiplier)
        c_in = self.blocks[-1].project.c_out
        return ConvSpec(c_in, divisible(width, self.divisor), 1, bias=False)

    def _wide(self, width: int) -> int:
        return divisible(width * self.width_multiplier, self.divisor)


def _block(c_in: int, c_out: int, factor: int, stride: int) -> BlockSpec:
    inner = c_in * factor
    expand = ConvSpec(c_in, inner, 1, bias=False)
    depthwise = ConvSpec.depthwise(inner, 3, stride, bias=False)
    return BlockSpec(
        expand if factor != 1 else None,
        depthwise,
        ConvSpec(inner, c_out, 1, bias=False),
        stride == 1 and c_in == c_out,
    )


def _published(multiplier: float, parameters: int) -> Variant:
    source = f"torchvision 0.28.0, width_mult={multiplier}"
    return Variant(MobileNetV2Spec(width_multiplier=multiplier), parameters, source)


VARIANTS = {
    "mobilenet_v2_tiny": Variant(
        MobileNetV2Spec(
            width_multiplier=1.2,
            divisor=3,
            stem_width=7,
            table=((1, 5, 1, 1), (2, 10, 2, 2)),
            head_width=14,
            dropout=0.3,
            num_classes=7,
            image_size=(17, 22),
            bn_eps=1e-3,
            bn_decay=0.8,
        ),
        2_119,
        "sum over its layers",
        tiny=True,
    ),
    "mobilenet_v2": _published(1.0, 3_504_872),
    "mobilenet_v2_x1_4": _published(1.4, 6_108_776),
    "mobilenet_v2_x0_75": _published(0.75, 2_636_424),
    "mobilenet_v2_x0_5": _published(0.5, 1_968_680),
    "mobilenet_v2_x0_35": _published(0.35, 1_677_128),
}

ORACLES = (
    Original.of(
        "torchvision",
        "mobilenet_v2_x0_35",
        "torchvision's mobilenet_v2_x0_35",
        VARIANTS["mobilenet_v2_x0_35"],
        image_size=(33, 64),
        dropout=0.0,
    ),
)

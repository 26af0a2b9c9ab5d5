"""EfficientNet B0 to B7 (Tan and Le 2019, https://arxiv.org/abs/1905.11946, table 1),
V2 S, M and L (the same 2021, arXiv:2104.00298, table 4) as torchvision builds them, and
Lite 0 to 4 as Google trained them (github.com/tensorflow/tpu, efficientnet/lite).

Settled here because libraries disagree:
  padding    symmetric, k // 2 on each side; Lite has TensorFlow's "same", whose odd
             pixel is at the end, since its weights were trained with it
  width      of a layer: to the nearest multiple of 8, not below 0.9 of what it was
  lite       no squeeze and excitation, ReLU6; stem, last layer and the number of blocks
             of the first and the last stage are not scaled
  squeeze    to a quarter of what the block reads, not of what it expands that to
  drop_path  grows from 0 in the first block; the last has less than all of it
  bn_decay   the share of the OLD running value that is kept: 0.99 from B5 on
  image      torchvision's, 288 for B2 and not the paper's 260
  start      He's normal by fan-out for convs; the last layer uniform by its OUTPUTS

Names are torchvision's: features.{0..n}.{i}.block.{k}.{0,1} .fc{1,2} classifier.1
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, Uniform
from shared.fields import Depth, Positive, Rate, Ratio, Side, Size
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Spec,
    SqueezeSpec,
    Tensor,
    Variant,
    image,
    same,
)

_Kind = Literal["mbconv", "fused"]
# Blocks, expansion, kernel, stride of the first, width, how many.
_Row = tuple[_Kind, Size, Literal[3, 5], Literal[1, 2], Size, Depth]


@dataclass(frozen=True)
class UnitSpec:
    """A convolution, its norm and its activation."""

    conv: ConvSpec
    activation: str


@dataclass(frozen=True)
class MBConvSpec:
    """adds: what the block reads is added to what it makes of it, of which `drop_path`
    is dropped."""

    expand: UnitSpec | None
    depthwise: UnitSpec
    squeeze: SqueezeSpec | None
    project: UnitSpec
    adds: bool
    drop_path: float


@dataclass(frozen=True)
class FusedSpec:
    """One convolution in the place of MBConv's first two; without a `project` it has
    the block's width already."""

    conv: UnitSpec
    project: UnitSpec | None
    adds: bool
    drop_path: float


@dataclass(frozen=True, kw_only=True)
class EfficientNetSpec(Spec):
    stages: tuple[_Row, ...]
    widths: tuple[Size, Size] = (32, 1280)  # of the first and the last convolution
    width: Ratio = 1.0  # by which widths are scaled
    depth: Ratio = 1.0  # by which numbers of blocks are
    lite: bool = False
    dropout: Rate = 0.2
    drop_path: Rate = 0.2
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stages:
            self.refuse("stages", self.stages, "one stage or more")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        last = Uniform(bound=1 / math.sqrt(self.num_classes))
        return {"classifier.1.weight": last, "*.0.weight": he, "*.fc?.weight": he}

    @property
    def activation(self) -> str:
        return "relu6" if self.lite else "silu"

    @property
    def stem(self) -> UnitSpec:
        c_out = self.widths[0] if self.lite else self._scaled(self.widths[0])
        return UnitSpec(self._conv(3, c_out, 3, 2, self.image_size), self.activation)

    @property
    def blocks(self) -> tuple[tuple[MBConvSpec | FusedSpec, ...], ...]:
        """Gives the blocks of each stage."""
        c_in = self.stem.conv.c_out
        size = self.stem.conv.map_size(*self.image_size)
        total, number, stages = sum(self._depths), 0, []
        for depth, (kind, expand, k, stride, width, _) in zip(
            self._depths, self.stages, strict=True
        ):
            blocks, c_out = [], self._scaled(width)
            for i in range(depth):
                stride = stride if i == 0 else 1
                deep = self._conv(c_in, c_in, k, stride, size)
                make = self._fused if kind == "fused" else self._mbconv
                drop_path = self.drop_path * number / total
                blocks.append(make(c_in, c_out, expand, k, stride, size, drop_path))
                c_in, size, number = c_out, deep.map_size(*size), number + 1
            stages.append(tuple(blocks))
        return tuple(stages)

    def _mbconv(
        self,
        c_in: int,
        c_out: int,
        expand: int,
        k: int,
        stride: int,
        size: Pair,
        drop_path: float,
    ) -> MBConvSpec:
        inner, act = c_in * expand, self.activation
        widen = UnitSpec(ConvSpec(c_in, inner, 1, bias=False), act)
        return MBConvSpec(
            expand=widen if expand != 1 else None,
            depthwise=UnitSpec(self._conv(inner, inner, k, stride, size, inner), act),
            squeeze=None
            if self.lite
            else SqueezeSpec(inner, max(1, c_in // 4), act, "sigmoid"),
            project=UnitSpec(ConvSpec(inner, c_out, 1, bias=False), "identity"),
            adds=stride == 1 and c_in == c_out,
            drop_path=drop_path,
        )

    def _fused(
        self,
        c_in: int,
        c_out: int,
        expand: int,
        k: int,
        stride: int,
        size: Pair,
        drop_path: float,
    ) -> FusedSpec:
        inner = c_out if expand == 1 else c_in * expand
        project = UnitSpec(ConvSpec(inner, c_out, 1, bias=False), "identity")
        return FusedSpec(
            conv=UnitSpec(self._conv(c_in, inner, k, stride, size), self.activation),
            project=project if expand != 1 else None,
            adds=stride == 1 and c_in == c_out,
            drop_path=drop_path,
        )

    @property
    def head(self) -> UnitSpec:
        c_in = self._scaled(self.stages[-1][4])
        c_out = self.widths[1] if self.lite else self._scaled(self.widths[1])
        return UnitSpec(ConvSpec(c_in, c_out, 1, bias=False), self.activation)

    def _conv(
        self, c_in: int, c_out: int, k: int, stride: int, size: Pair, groups: int = 1
    ) -> ConvSpec:
        """Gives a convolution of a map of this size."""
        if not self.lite:
            return ConvSpec.padded(c_in, c_out, k, stride, groups, bias=False)
        rows, columns = size
        around = same(rows, k, stride), same(columns, k, stride)
        return ConvSpec(c_in, c_out, k, stride, around, groups, bias=False)

    def _scaled(self, width: int) -> int:
        if self.width == 1:
            return width
        wanted = width * self.width
        found = max(8, int(wanted + 4) // 8 * 8)
        return found if found >= 0.9 * wanted else found + 8

    @property
    def _depths(self) -> tuple[int, ...]:
        """How many blocks each stage has."""
        ends = (0, len(self.stages) - 1) if self.lite else ()
        return tuple(
            row[-1] if i in ends else math.ceil(row[-1] * self.depth)
            for i, row in enumerate(self.stages)
        )


def _rows(kind: _Kind, *rows: tuple[int, int, int, int, int]) -> tuple[_Row, ...]:
    return tuple((kind, *row) for row in rows)  # type: ignore[misc]


_B = _rows(
    "mbconv",
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_S = (
    *_rows("fused", (1, 3, 1, 24, 2), (4, 3, 2, 48, 4), (4, 3, 2, 64, 4)),
    *_rows("mbconv", (4, 3, 2, 128, 6), (6, 3, 1, 160, 9), (6, 3, 2, 256, 15)),
)
_M = (
    *_rows("fused", (1, 3, 1, 24, 3), (4, 3, 2, 48, 5), (4, 3, 2, 80, 5)),
    *_rows("mbconv", (4, 3, 2, 160, 7), (6, 3, 1, 176, 14), (6, 3, 2, 304, 18)),
    *_rows("mbconv", (6, 3, 1, 512, 5)),
)
_L = (
    *_rows("fused", (1, 3, 1, 32, 4), (4, 3, 2, 64, 7), (4, 3, 2, 96, 7)),
    *_rows("mbconv", (4, 3, 2, 192, 10), (6, 3, 1, 224, 19), (6, 3, 2, 384, 25)),
    *_rows("mbconv", (6, 3, 1, 640, 7)),
)


def _b(
    number: int, width: float, depth: float, side: int, dropout: float, parameters: int
) -> dict[str, Variant]:
    late = number >= 5
    spec = EfficientNetSpec(
        stages=_B,
        width=width,
        depth=depth,
        dropout=dropout,
        image_size=(side, side),
        bn_eps=1e-3 if late else 1e-5,
        bn_decay=0.99 if late else 0.9,
    )
    name = f"efficientnet_b{number}"
    return {name: Variant(spec, parameters, "torchvision 0.28.0")}


def _v2(
    size: str,
    stages: tuple[_Row, ...],
    side: int,
    dropout: float,
    parameters: int,
) -> dict[str, Variant]:
    spec = EfficientNetSpec(
        stages=stages,
        widths=(stages[0][4], 1280),
        dropout=dropout,
        image_size=(side, side),
        bn_eps=1e-3,
    )
    name = f"efficientnet_v2_{size}"
    return {name: Variant(spec, parameters, "torchvision 0.28.0")}


def _lite(
    number: int, width: float, depth: float, side: int, dropout: float, parameters: int
) -> dict[str, Variant]:
    spec = EfficientNetSpec(
        stages=_B,
        width=width,
        depth=depth,
        lite=True,
        dropout=dropout,
        image_size=(side, side),
        bn_eps=1e-3,
        bn_decay=0.99,
    )
    return {f"efficientnet_lite{number}": Variant(spec, parameters, "timm 1.0.31")}


_TINY = EfficientNetSpec(
    stages=(
        *_rows("fused", (1, 3, 1, 6, 1), (2, 3, 2, 9, 1)),
        *_rows("mbconv", (3, 5, 1, 9, 1)),
    ),
    widths=(6, 13),
    dropout=0.3,
    drop_path=0.4,
    num_classes=5,
    image_size=(18, 27),
    bn_eps=1e-2,
    bn_decay=0.8,
)
VARIANTS = {
    "efficientnet_tiny": Variant(_TINY, 2_945, "sum over its layers", tiny=True),
    **_b(0, 1.0, 1.0, 224, 0.2, 5_288_548),
    **_b(1, 1.0, 1.1, 240, 0.2, 7_794_184),
    **_b(2, 1.1, 1.2, 288, 0.3, 9_109_994),
    **_b(3, 1.2, 1.4, 300, 0.3, 12_233_232),
    **_b(4, 1.4, 1.8, 380, 0.4, 19_341_616),
    **_b(5, 1.6, 2.2, 456, 0.4, 30_389_784),
    **_b(6, 1.8, 2.6, 528, 0.5, 43_040_704),
    **_b(7, 2.0, 3.1, 600, 0.5, 66_347_960),
    **_v2("s", _S, 384, 0.2, 21_458_488),
    **_v2("m", _M, 480, 0.3, 54_139_356),
    **_v2("l", _L, 480, 0.4, 118_515_272),
    **_lite(0, 1.0, 1.0, 224, 0.2, 4_652_008),
    **_lite(1, 1.0, 1.1, 240, 0.2, 5_416_680),
    **_lite(2, 1.1, 1.2, 260, 0.3, 6_092_072),
    **_lite(3, 1.2, 1.4, 280, 0.3, 8_197_096),
    **_lite(4, 1.4, 1.8, 300, 0.3, 13_006_568),
}

ORACLES = (
    Original.of(
        "torchvision",
        "efficientnet_b0_undropped",
        "torchvision's efficientnet_b0",
        VARIANTS["efficientnet_b0"],
        image_size=(64, 47),
        dropout=0.0,
        drop_path=0.0,
    ),
)

"""RegNetX and RegNetY (Radosavovic et al. 2020, https://arxiv.org/abs/2003.13678) as
torchvision builds them.

Settled here because libraries disagree:
  widths    those of equations 2 to 4, to multiples of 8; then of a group's width, which
            may be one group: to the nearest, and one further up where that would lose
            more than a tenth
  bottle    none: all three convs of a block have its width (section 3.4, b = 1)
  stride    2 in the first block of every stage, on its 3x3 conv and its shortcut
  squeeze   to a share of what the BLOCK gets, not of its own maps
  halves    round to even
  bn_decay  the share of the OLD running value that is kept
  start     normal by fan-out for convs, of deviation 0.01 for the last layer; the
            biases of a squeeze as torch's own

Names are torchvision's: stem.{0,1} trunk_output.block{s}.block{s}-{i}.proj.{0,1}
trunk_output.block{s}.block{s}-{i}.f.{a,b,c}.{0,1} ... .f.se.{fc1,fc2} fc, where stages
count from 1 and blocks from 0
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

from shared.definitions.initializers import HeNormal, Initializer, Normal, of_torch
from shared.fields import Depth, Positive, Range, Rate, Ratio, Side, Size
from shared.specs.base import (
    ConvSpec,
    Original,
    Spec,
    SqueezeSpec,
    Tensor,
    Variant,
    image,
)

QUANTUM = 8
Slope = Annotated[float, Range(0.0, 1e4, "a number of at least 0, below 10000")]


@dataclass(frozen=True)
class BlockSpec:
    """A block is a residual branch of three convolutions beside its shortcut.

    convs: a, b and c; squeeze: between b and c, or none; proj: the shortcut's
    convolution, or none.
    """

    name: str
    convs: tuple[ConvSpec, ConvSpec, ConvSpec]
    squeeze: SqueezeSpec | None
    proj: ConvSpec | None


@dataclass(frozen=True)
class StageSpec:
    name: str
    blocks: tuple[BlockSpec, ...]


@dataclass(frozen=True, kw_only=True)
class RegNetSpec(Spec):
    depth: Depth
    w_0: Size
    w_a: Slope
    w_m: Ratio
    group_width: Size
    se_ratio: Rate = 0.0  # 0: without, RegNetX
    stem_width: Size = 32
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.w_0 % QUANTUM:
            self.refuse("w_0", self.w_0, f"a multiple of {QUANTUM}")
        if self.w_m <= 1:
            self.refuse("w_m", self.w_m, "a number above 1")
        if self.se_ratio and not self._squeezed(self.stem_width):
            self.refuse("se_ratio", self.se_ratio, "0, or enough for a map in each")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        found: dict[str, Initializer] = {
            "stem.0.weight": he,
            "*.f.[abc].0.weight": he,
            "*.proj.0.weight": he,
            "fc.weight": Normal(std=0.01),
        }
        if self.se_ratio:
            found["*.se.fc?.weight"] = he
        for stage in self.stages:
            for block in stage.blocks:
                path = f"trunk_output.{stage.name}.{block.name}.f.se"
                for i, c in enumerate(block.squeeze.convs if block.squeeze else ()):
                    found[f"{path}.fc{i + 1}.bias"] = of_torch(c.inputs)
        return found

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec.padded(3, self.stem_width, 3, 2, bias=False)

    @property
    def widths(self) -> tuple[tuple[int, int], ...]:
        """Width and depth of each stage."""
        wanted = []
        for j in range(self.depth):
            linear = self.w_0 + self.w_a * j  # equation 2
            power = round(math.log(linear / self.w_0) / math.log(self.w_m))  # 3
            quanta = round(self.w_0 * self.w_m**power / QUANTUM)  # 4
            wanted.append(QUANTUM * quanta)
        return tuple(
            (self._grouped(width), len(list(blocks)))
            for width, blocks in groupby(wanted)
        )

    def _grouped(self, width: int) -> int:
        each = min(self.group_width, width)
        found = max(each, int(width + each / 2) // each * each)
        return found if found >= 0.9 * width else found + each

    def _squeezed(self, width: int) -> int:
        return round(self.se_ratio * width)

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        c_in, stages = self.stem_width, []
        for s, (width, depth) in enumerate(self.widths, start=1):
            blocks = []
            for i in range(depth):
                blocks.append(self._block(f"block{s}-{i}", c_in, width, 1 + (i == 0)))
                c_in = width
            stages.append(StageSpec(f"block{s}", tuple(blocks)))
        return tuple(stages)

    def _block(self, name: str, c_in: int, width: int, stride: int) -> BlockSpec:
        groups = width // min(self.group_width, width)
        convs = (
            ConvSpec(c_in, width, 1, bias=False),
            ConvSpec.padded(width, width, 3, stride, groups, bias=False),
            ConvSpec(width, width, 1, bias=False),
        )
        squeeze = SqueezeSpec(width, self._squeezed(c_in), "relu", "sigmoid")
        proj = ConvSpec(c_in, width, 1, stride, bias=False)
        return BlockSpec(
            name,
            convs,
            squeeze if self.se_ratio else None,
            proj if stride != 1 or c_in != width else None,
        )

    @property
    def c_out(self) -> int:
        return self.widths[-1][0]


def _regnet(
    parameters: int,
    depth: int,
    w_0: int,
    w_a: float,
    w_m: float,
    group_width: int,
    se_ratio: float,
) -> Variant:
    spec = RegNetSpec(
        depth=depth,
        w_0=w_0,
        w_a=w_a,
        w_m=w_m,
        group_width=group_width,
        se_ratio=se_ratio,
    )
    return Variant(spec, parameters, "torchvision 0.28.0")


def _tiny(
    parameters: int, depth: int, group_width: int, se_ratio: float, width: int
) -> Variant:
    spec = RegNetSpec(
        depth=depth,
        w_0=8,
        w_a=4.0,
        w_m=2.0,
        group_width=group_width,
        se_ratio=se_ratio,
        stem_width=width,
        num_classes=5,
        image_size=(22, 27),
        bn_eps=1e-2,
        bn_decay=0.8,
    )
    return Variant(spec, parameters, "sum over its layers", tiny=True)


VARIANTS = {
    "regnet_tiny_x": _tiny(1_064, 1, 12, 0.0, 7),
    "regnet_tiny_y": _tiny(3_838, 3, 5, 0.3, 6),
    "regnet_y_400mf": _regnet(4_344_144, 16, 48, 27.89, 2.09, 8, 0.25),
    "regnet_y_800mf": _regnet(6_432_512, 14, 56, 38.84, 2.4, 16, 0.25),
    "regnet_y_1_6gf": _regnet(11_202_430, 27, 48, 20.71, 2.65, 24, 0.25),
    "regnet_x_400mf": _regnet(5_495_976, 22, 24, 24.48, 2.54, 16, 0.0),
    "regnet_x_800mf": _regnet(7_259_656, 16, 56, 35.73, 2.28, 16, 0.0),
    "regnet_x_1_6gf": _regnet(9_190_136, 18, 80, 34.01, 2.25, 24, 0.0),
}

ORACLES = (
    Original.of(
        "torchvision",
        "regnet_y_400mf",
        "torchvision's regnet_y_400mf",
        VARIANTS["regnet_y_400mf"],
        image_size=(64, 50),
    ),
)

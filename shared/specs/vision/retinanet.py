"""RetinaNet (Lin et al. 2017, https://arxiv.org/abs/1708.02002): anchors on a pyramid
of maps (Lin et al. 2016, https://arxiv.org/abs/1612.03144), trained with the focal
loss, as torchvision builds it.

Settled here because the papers leave it open, or libraries disagree:
  trunk     ResNet with plain batch norm; where torchvision's starts from pretrained
            weights its norms are frozen, and their parameters do not count
  pyramid   no norm; a coarser map is enlarged by repeating pixels, of place i the one
            at floor(i n / m); P6 is a convolution of P5 (the paper's is of C5), P7 of
            what a ReLU leaves of P6
  anchors   whole numbers, around the first pixel of each place (the paper leaves it
            open), of three sizes and three ratios of height to width; sizes in a place
            change faster than ratios. A place is as large as whole pixels fit
  classes   0 is the background, which is never wanted, but has a score as others
  matching  an anchor finds the box with the largest IoU from 0.5 on, the background
            below 0.4; the anchors that overlap a box most find it too, here one a box
  loss      of boxes the difference as it is (L1), as torchvision; the paper smooths it
  detect    of each level the best 1000 scores above 0.05, of all levels suppressed by
            class
  start     He's normal by fan-out for the trunk, of deviation 0.01 for the heads, the
            pyramid as torch's kaiming_uniform with a=1; scores begin at 0.01

Names are torchvision's: backbone.body.* as ResNet's
backbone.fpn.{inner_blocks.{i}.0,layer_blocks.{i}.0,extra_blocks.{p6,p7}}
head.{classification_head,regression_head}.{conv.{i}.0,cls_logits,bbox_reg}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.boxes import BoxCoder, Matching
from shared.definitions.detecting import Detecting
from shared.definitions.initializers import (
    Constant,
    HeNormal,
    HeUniform,
    Initializer,
    Normal,
)
from shared.fields import Depth, Positive, Ratio, Side, Size
from shared.objectives.detection import FocalDetection
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)
from shared.specs.vision.fcn import TrunkSpec
from shared.specs.vision.ssd import some_boxes

LEVELS = 5
_DETECTING = Detecting(least=0.05, most=1000, threshold=0.5, limit=300)
# Of P3 to P7, as the paper's section 4 has them, in whole numbers.
_SIZES = tuple(
    tuple(float(int(side * 2 ** (k / 3))) for k in range(3))
    for side in (32, 64, 128, 256, 512)
)
_RATIOS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class PyramidSpec:
    """inner, outer: convolutions of the trunk's maps, and behind the sums, the finest
    first; p6, p7: of what follows."""

    inner: tuple[ConvSpec, ...]
    outer: tuple[ConvSpec, ...]
    p6: ConvSpec
    p7: ConvSpec


@dataclass(frozen=True, kw_only=True)
class RetinaNetSpec(Spec):
    """width: of the pyramid; depth: how many convolutions each head has.

    sizes: of the anchors of each level; ratios: of their heights to their widths.
    detecting: how boxes are chosen of all that is said.
    """

    trunk: TrunkSpec = field(
        default_factory=lambda: TrunkSpec(dilated=(False, False, False))
    )
    width: Size = 256
    depth: Depth = 4
    sizes: tuple[tuple[Positive, ...], ...] = _SIZES
    ratios: tuple[Ratio, ...] = _RATIOS
    classes: Size = 91
    image_size: tuple[Side, Side] = (800, 800)
    coder: BoxCoder = field(default_factory=BoxCoder)
    detecting: Detecting = _DETECTING

    cases: ClassVar[tuple[str, ...]] = ("one",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes < 2:
            self.refuse("classes", self.classes, "two or more, the background is one")
        if len(self.sizes) != LEVELS or len({len(of) for of in self.sizes}) != 1:
            allowed = f"as many in each of {LEVELS} levels"
            self.refuse("sizes", self.sizes, allowed)
        if not self.places:
            self.refuse("ratios", self.ratios, "one or more, as of sizes")
        if any(self.trunk.dilated):
            self.refuse("trunk", self.trunk, "one that is not dilated")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        number = len(self.anchors)
        return Tensor("logits", (number, self.classes)), Tensor("codes", (number, 4))

    def programs(self) -> Mapping[str, Program]:
        limit = self.detecting.limit
        found = (
            Tensor("boxes", (limit, 4)),
            Tensor("scores", (limit,)),
            Tensor("classes", (limit,), below=self.classes),
            Tensor("valid", (limit,), below=2),
        )
        return {"detect": Program("detect", self.inputs(), found)}

    def objective(self) -> FocalDetection:
        matching = Matching(high=0.5, low=0.4)
        return FocalDetection(matching=matching, coder=self.coder, beta=0.0)

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """one: a single sample."""
        if case == "one":
            return super().examples(1, seed)
        return super().examples(batch, seed, case)

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        return some_boxes(len(inputs[0]), self.image_size, self.classes, seed)

    def starts(self) -> Mapping[str, Initializer]:
        he, normal = HeNormal(mode="fan_out"), Normal(std=0.01)
        pyramid = HeUniform(activation="leaky_relu", slope=1.0)
        return {
            "backbone.body.*conv?.weight": he,
            "backbone.body.*.downsample.0.weight": he,
            "backbone.fpn.*.weight": pyramid,
            "head.*.weight": normal,
            "head.*.cls_logits.bias": Constant(value=-math.log(99)),
        }

    @property
    def pyramid(self) -> PyramidSpec:
        c_ins = self.trunk.c_outs[1:]
        inner = tuple(ConvSpec(c_in, self.width, 1) for c_in in c_ins)
        further = ConvSpec.padded(self.width, self.width, 3, 2)
        return PyramidSpec(inner, (self.tower,) * len(inner), further, further)

    @property
    def tower(self) -> ConvSpec:
        """A convolution of a head."""
        return ConvSpec.padded(self.width, self.width, 3)

    @property
    def places(self) -> int:
        """How many anchors a place has."""
        return len(self.sizes[0]) * len(self.ratios)

    @property
    def of_classes(self) -> ConvSpec:
        return ConvSpec.padded(self.width, self.classes * self.places, 3)

    @property
    def of_boxes(self) -> ConvSpec:
        return ConvSpec.padded(self.width, 4 * self.places, 3)

    @property
    def maps(self) -> tuple[Pair, ...]:
        """Rows and columns of each level."""
        size = self.trunk.stem.map_size(*self.image_size)
        size = self.trunk.stem_pool.map_size(*size)
        found = []
        for _ in range(LEVELS):
            rows, columns = size
            size = -(-rows // 2), -(-columns // 2)
            found.append(size)
        return tuple(found)

    @property
    def levels(self) -> tuple[int, ...]:
        """How many anchors each level has."""
        return tuple(rows * columns * self.places for rows, columns in self.maps)

    @property
    def anchors(self) -> Array:
        """All of them in pixels, [anchors, 4]: level by level, row by row."""
        return _anchors(self)


@cache
def _anchors(spec: RetinaNetSpec) -> Array:
    height, width = spec.image_size
    found = []
    for (rows, columns), sizes in zip(spec.maps, spec.sizes, strict=True):
        tall = np.sqrt(np.array(spec.ratios))
        wide = (1 / tall)[:, None] * sizes
        tall = tall[:, None] * sizes
        corners = np.stack([-wide, -tall, wide, tall], -1).reshape(-1, 4) / 2
        y, x = np.arange(rows) * (height // rows), np.arange(columns)
        places = np.stack(np.meshgrid(x * (width // columns), y), -1)
        places = np.concatenate([places, places], -1)[:, :, None]
        found.append((places + corners.round()).reshape(-1, 4))
    return np.concatenate(found)


_SMALL = RetinaNetSpec(
    trunk=TrunkSpec(
        depths=(1, 1, 1, 1),
        widths=(3, 4, 5, 6),
        dilated=(False, False, False),
        bn_eps=2e-3,
        bn_decay=0.8,
    ),
    width=5,
    depth=2,
    sizes=((4.0, 7.0), (9.0, 13.0), (15.0, 20.0), (24.0, 30.0), (32.0, 40.0)),
    ratios=(0.5, 1.0, 3.0),
    classes=4,
    image_size=(43, 58),
    coder=BoxCoder(weights=(3.0, 2.0, 5.0, 4.0), largest=2.0),
    detecting=Detecting(least=0.2, most=15, threshold=0.4, limit=12),
)
VARIANTS = {
    "retinanet_tiny": Variant(_SMALL, 7_803, "sum over its layers", tiny=True),
    "retinanet_resnet50_fpn": Variant(
        RetinaNetSpec(),
        34_068_119,
        "torchvision 0.28.0, weights_backbone=None: no norm is frozen",
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "retinanet",
        "torchvision's retinanet_resnet50_fpn",
        VARIANTS["retinanet_resnet50_fpn"],
        image_size=(64, 90),
    ),
)

"""SSD (Liu et al. 2016, https://arxiv.org/abs/1512.02325): boxes and their classes,
read off six maps of a VGG-16 at once, as torchvision builds it.

Settled here because the paper leaves it open, or libraries disagree:
  trunk     VGG-16 without its classifier; the last pooling of the first four stages
            counts a window that ends outside (ceil), the one behind the fifth is 3x3 at
            stride 1, and fc6 is a 3x3 convolution whose places are 6 apart
  norm      the fourth stage's maps have length 1 along the channels, times a weight a
            channel that starts at 20 (section 3.1); 0 stays 0
  anchors   default boxes: at the middle of every `step` pixels of a map's grid, in
            shares of the picture that end at 1, of scale s and sqrt(s s'), with s' the
            next map's, then of s in each ratio and its inverse. The scales are those of
            the paper's COCO model. They are not cut at the borders
  codes     of centre, width and height, times 10, 10, 5, 5; sizes at most e^4.135 times
            the anchor's, as torchvision
  matching  an anchor finds the box with the largest IoU from 0.5 on, and every box has
            the anchor that overlaps it most
  detect    softmax; boxes are cut at the borders, then of each class suppressed
  start     He's normal by fan-out for VGG, Glorot's uniform for what is added

Names are torchvision's: backbone.{scale_weight,features.{i},extra.{k}.{i}}
head.{classification_head,regression_head}.module_list.{k}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.boxes import BoxCoder, Matching, cxcywh_to_xyxy
from shared.definitions.detecting import Detecting
from shared.definitions.initializers import (
    Constant,
    HeNormal,
    Initializer,
    XavierUniform,
)
from shared.fields import Positive, Ratio, Side, Size
from shared.objectives.detection import MultiBox
from shared.randomness import generator
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Pool,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)
from shared.specs.vision.vgg import VGGSpec

_CODER = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
_DETECTING = Detecting(least=0.01, most=400, threshold=0.45, limit=200)
# Of an added block: the width of its 1x1 convolution, that of its 3x3, and the stride;
# at stride 2 there is a padding of 1.
Row = tuple[Size, Size, Literal[1, 2]]


@dataclass(frozen=True, kw_only=True)
class SSDSpec(Spec):
    """stages: widths of VGG's convolutions, stage by stage. hidden, dilation: of fc6
    and fc7. extras: the blocks behind them.

    scales, ratios, steps: of the anchors of each map; the last scale is of none.
    detecting: how boxes are chosen of all that is said.
    """

    stages: tuple[tuple[Size, ...], ...]
    hidden: Size
    dilation: Size
    extras: tuple[Row, ...]
    scales: tuple[Ratio, ...]
    ratios: tuple[tuple[Ratio, ...], ...]
    steps: tuple[Positive, ...]
    classes: Size
    image_size: tuple[Side, Side]
    coder: BoxCoder = _CODER
    detecting: Detecting = _DETECTING

    cases: ClassVar[tuple[str, ...]] = ("one", "black")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes < 2:
            self.refuse("classes", self.classes, "two or more, the background is one")
        if len(self.stages) < 2 or not all(self.stages):
            self.refuse("stages", self.stages, "two stages or more, of a conv or more")
        maps = len(self.extras) + 2
        for name, more in (("scales", 1), ("ratios", 0), ("steps", 0)):
            if len(getattr(self, name)) != maps + more:
                allowed = f"{maps + more} values, of {maps} maps"
                self.refuse(name, getattr(self, name), allowed)
        if any(min(size) < 1 for size in self.maps):
            allowed = "larger: a map would have no place"
            self.refuse("image_size", self.image_size, allowed)

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

    def objective(self) -> MultiBox:
        matching = Matching(high=0.5, low=0.5)
        return MultiBox(matching=matching, coder=self.coder)

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """one: a single sample; black: nothing to see."""
        if case == "one":
            return super().examples(1, seed)
        if case == "black":
            (x,) = super().examples(batch, seed)
            return (0 * x,)
        return super().examples(batch, seed, case)

    def wanted(self, inputs: Arrays, seed: int) -> Arrays:
        return some_boxes(len(inputs[0]), self.image_size, self.classes, seed)

    def starts(self) -> Mapping[str, Initializer]:
        he, glorot = HeNormal(mode="fan_out"), XavierUniform()
        deep = f"backbone.extra.0.{2 * len(self.stages[-1]) + 1}"
        return {
            "backbone.scale_weight": Constant(value=20.0),
            "backbone.features.*.weight": he,
            f"{deep}.*.weight": glorot,
            "backbone.extra.0.*.weight": he,
            "*.weight": glorot,
        }

    @property
    def vgg(self) -> VGGSpec:
        return VGGSpec(
            stages=self.stages, batch_norm=False, image_size=(65_536, 65_536)
        )

    @property
    def convs(self) -> tuple[tuple[ConvSpec, ...], ...]:
        """Give the convolutions of all stages but the last."""
        return self.vgg.convs[:-1]

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Give what stands between these stages."""
        plain = self.vgg.pool
        between = len(self.convs) - 1
        return (*(plain,) * (between - 1), Pool(2, 2, ceil=True))[:between]

    @property
    def deep(self) -> tuple[Pool, tuple[ConvSpec, ...], Pool, ConvSpec, ConvSpec]:
        """Give a pooling, the last stage, another pooling, fc6 and fc7."""
        width, hidden = self.stages[-1][-1], self.hidden
        fc6 = ConvSpec(width, hidden, 3).dilated(self.dilation)
        fc7 = ConvSpec(hidden, hidden, 1)
        return self.vgg.pool, self.vgg.convs[-1], Pool(3, 1, 1), fc6, fc7

    @property
    def blocks(self) -> tuple[tuple[ConvSpec, ConvSpec], ...]:
        """Give the convolutions of the added blocks."""
        c_in, found = self.hidden, []
        for narrow, wide, stride in self.extras:
            last = ConvSpec(narrow, wide, 3, stride, stride - 1)
            found.append((ConvSpec(c_in, narrow, 1), last))
            c_in = wide
        return tuple(found)

    @property
    def c_outs(self) -> tuple[int, ...]:
        """The channels of each map."""
        own = (self.stages[-2][-1], self.hidden)
        return (*own, *(wide for _, wide, _ in self.extras))

    @property
    def maps(self) -> tuple[Pair, ...]:
        """Rows and columns of each map."""
        size = self.image_size
        for pool in self.pools:
            size = pool.map_size(*size)
        found = [size, self.vgg.pool.map_size(*size)]
        for _, last in self.blocks:
            found.append(last.map_size(*found[-1]))
        return tuple(found)

    @property
    def shapes(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Widths and heights of the anchors at a place of each map, in shares of the
        picture."""
        found = []
        for (s, after), ratios in zip(pairwise(self.scales), self.ratios, strict=True):
            both = [(s, s), (math.sqrt(s * after),) * 2]
            for ratio in ratios:
                long, short = s * math.sqrt(ratio), s / math.sqrt(ratio)
                both += [(long, short), (short, long)]
            found.append(tuple((min(w, 1.0), min(h, 1.0)) for w, h in both))
        return tuple(found)

    @property
    def of_classes(self) -> tuple[ConvSpec, ...]:
        return self._heads(self.classes)

    @property
    def of_boxes(self) -> tuple[ConvSpec, ...]:
        return self._heads(4)

    def _heads(self, columns: int) -> tuple[ConvSpec, ...]:
        maps = zip(self.c_outs, self.shapes, strict=True)
        return tuple(ConvSpec.padded(c, columns * len(of), 3) for c, of in maps)

    @property
    def anchors(self) -> Array:
        """All of them in pixels, [anchors, 4]: map by map, row by row."""
        return _anchors(self)


@cache
def _anchors(spec: SSDSpec) -> Array:
    height, width = spec.image_size
    found = []
    for (rows, columns), step, of in zip(
        spec.maps, spec.steps, spec.shapes, strict=True
    ):
        sizes = np.array(of) * (width, height)
        y, x = (step * (np.arange(n) + 0.5) for n in (rows, columns))
        places = np.stack(np.meshgrid(x, y), -1)  # [rows, columns, 2]
        centres, sizes = np.broadcast_arrays(places[:, :, None], sizes)
        found.append(np.concatenate([centres, sizes], -1).reshape(-1, 4))
    return cxcywh_to_xyxy(np.concatenate(found))


def some_boxes(rows: int, size: Pair, classes: int, seed: int, most: int = 3) -> Arrays:
    """Draw boxes inside pictures, their classes but the background, and which of them
    are there: of the first picture none."""
    draw = generator("boxes", seed)
    height, width = size
    sides = draw.uniform(0.1, 0.7, (rows, most, 2)) * (width, height)
    first = draw.uniform(size=(rows, most, 2)) * ((width, height) - sides)
    there = np.arange(most) < np.arange(rows)[:, None] % (most + 1)
    found = np.concatenate([first, first + sides], -1)
    labels = draw.integers(1, classes, (rows, most))
    return found, labels, there.astype(np.int64)


_VGG16 = (
    *((64, 64), (128, 128)),
    *((256, 256, 256), (512, 512, 512), (512, 512, 512)),
)
_SSD300 = SSDSpec(
    stages=_VGG16,
    hidden=1024,
    dilation=6,
    extras=((256, 512, 2), (128, 256, 2), (128, 256, 1), (128, 256, 1)),
    scales=(0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    ratios=((2.0,), (2.0, 3.0), (2.0, 3.0), (2.0, 3.0), (2.0,), (2.0,)),
    steps=(8.0, 16.0, 32.0, 64.0, 100.0, 300.0),
    classes=91,
    image_size=(300, 300),
)
_NARROW = SSDSpec(
    stages=((4,), (6,), (8, 5), (7, 8), (6,)),
    hidden=9,
    dilation=6,
    extras=((5, 7, 2), (4, 6, 2), (5, 8, 1), (3, 7, 1)),
    scales=_SSD300.scales,
    ratios=_SSD300.ratios,
    steps=_SSD300.steps,
    classes=5,
    image_size=(300, 300),
)
VARIANTS = {
    "ssd_tiny": Variant(
        SSDSpec(
            stages=((3,), (4, 5), (6,)),
            hidden=7,
            dilation=2,
            extras=((3, 5, 2), (4, 6, 1)),
            scales=(0.2, 0.35, 0.6, 0.8, 1.1),
            ratios=((2.0,), (), (2.0, 3.0), (1.5,)),
            steps=(2.0, 4.0, 9.0, 19.0),
            classes=4,
            image_size=(19, 23),
            coder=BoxCoder(weights=(8.0, 9.0, 5.0, 4.0), largest=2.0),
            detecting=Detecting(least=0.15, most=20, threshold=0.3, limit=12),
        ),
        7_977,
        "sum over its layers",
        tiny=True,
    ),
    "ssd300_vgg16": Variant(_SSD300, 35_641_826, "torchvision 0.28.0"),
}

ORACLES = (
    Original(
        "torchvision",
        "small_ssd",
        "torchvision's SSD300 with narrow layers",
        _NARROW,
    ),
)

"""Xception (Chollet 2016, https://arxiv.org/abs/1610.02357, figure 5).

Settled here because libraries disagree:
  padding   of the poolings: "symmetric", one on each side, as timm's port has it, or
            "same", TensorFlow's, as in keras.applications: on a map of even size the
            end alone is padded
  bn_eps    1e-5 in timm's port, 1e-3 in keras.applications, where bn_decay is 0.99
  ReLU      in front of each separable convolution of a block but the first of all, none
            between depthwise and pointwise
  skip      of what comes in, before that ReLU
  bn_decay  the share of the OLD running value that is kept
  start     timm's: He's normal by fan-out, torch's own for the last layer

Names are timm's (legacy_xception): conv1 bn1 conv2 bn2 block{i}.{skip,skipbn,rep.{j}}
conv3 bn3 conv4 bn4 fc, where j counts ReLUs, convolutions, norms and poolings, and a
separable convolution is {conv1,pointwise}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, of_torch
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Pool,
    Spec,
    Tensor,
    Variant,
    image,
    same,
)


@dataclass(frozen=True)
class SeparableSpec:
    depthwise: ConvSpec
    pointwise: ConvSpec


@dataclass(frozen=True)
class BlockSpec:
    """One block of a flow. pool, skip: at stride 2."""

    name: str
    relu_first: bool
    separables: tuple[SeparableSpec, ...]
    pool: Pool | None
    skip: ConvSpec | None


@dataclass(frozen=True, kw_only=True)
class XceptionSpec(Spec):
    stem: tuple[Size, Size] = (32, 64)
    entry: tuple[Size, ...] = (128, 256, 728)  # of each block
    middle: Depth = 8  # blocks
    exit: tuple[Size, Size, Size] = (1024, 1536, 2048)
    padding: Literal["symmetric", "same"] = "symmetric"
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (299, 299)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.entry:
            self.refuse("entry", self.entry, "one width or more")
        if min(self.image_size) < 7:
            self.refuse("image_size", self.image_size, "at least 7 each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        return {
            "*conv?.weight": he,
            "*.pointwise.weight": he,
            "*.skip.weight": he,
            "fc.*": of_torch(self.c_out),
        }

    @property
    def stem_convs(self) -> tuple[ConvSpec, ConvSpec]:
        one, two = self.stem
        return (
            ConvSpec(3, one, 3, 2, bias=False),
            ConvSpec(one, two, 3, bias=False),
        )

    @property
    def blocks(self) -> tuple[BlockSpec, ...]:
        """Gives the blocks of all three flows."""
        wide = self.entry[-1]
        widths = [
            *((c_in, c, c) for c_in, c in pairwise((self.stem[-1], *self.entry))),
            *((wide,) * 4,) * self.middle,
            (wide, wide, self.exit[0]),
        ]
        sizes = self.image_size
        for c in self.stem_convs:
            sizes = c.map_size(*sizes)
        found = []
        for i, block in enumerate(widths):
            separables = tuple(_separable(*pair) for pair in pairwise(block))
            pool, skip = None, None
            if not len(self.entry) <= i < len(widths) - 1:
                pool = self._pool(sizes)
                skip = ConvSpec(block[0], block[-1], 1, 2, bias=False)
                sizes = pool.map_size(*sizes)
            found.append(BlockSpec(f"block{i + 1}", i > 0, separables, pool, skip))
        return tuple(found)

    def _pool(self, sizes: Pair) -> Pool:
        if self.padding == "symmetric":
            return Pool(3, 2, 1)
        rows, columns = sizes
        return Pool(3, 2, (same(rows, 3, 2), same(columns, 3, 2)))

    @property
    def last_separables(self) -> tuple[SeparableSpec, SeparableSpec]:
        one, two, three = self.exit
        return _separable(one, two), _separable(two, three)

    @property
    def c_out(self) -> int:
        return self.exit[-1]


def _separable(c_in: int, c_out: int) -> SeparableSpec:
    return SeparableSpec(
        ConvSpec.depthwise(c_in, 3, bias=False), ConvSpec(c_in, c_out, 1, bias=False)
    )


_TINY = XceptionSpec(
    stem=(5, 4),
    entry=(7,),
    middle=1,
    exit=(9, 6, 11),
    padding="same",
    num_classes=6,
    image_size=(37, 50),
    bn_eps=2e-3,
    bn_decay=0.8,
)
VARIANTS = {
    "xception_tiny": Variant(_TINY, 1_669, "sum over its layers", tiny=True),
    "xception": Variant(XceptionSpec(), 22_855_952, "timm 1.0.31"),
    "xception_same": Variant(
        XceptionSpec(padding="same", bn_eps=1e-3, bn_decay=0.99),
        22_855_952,
        "keras.applications 3.15.1",
    ),
}

ORACLES = (
    Original.of(
        "timm",
        "timm_legacy_xception",
        "timm's legacy_xception",
        VARIANTS["xception"],
        image_size=(45, 60),
    ),
)

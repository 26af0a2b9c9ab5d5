"""ResNet (He et al. 2015, https://arxiv.org/abs/1512.03385), with the widened forms of
ResNeXt (Xie et al. 2016, arXiv:1611.05431) and Wide ResNet (Zagoruyko 2016,
arXiv:1605.07146) as torchvision builds them.

Settled here because libraries disagree:
  stride    on the 3x3 conv of a bottleneck ("v1.5"), not on its first 1x1
  padding   symmetric, k // 2 on each side, at every stride
  bn_decay  the share of the OLD running value that is kept
  start     He's normal by fan-out for convs, torch's own for the last layer

Names are torchvision's: conv1 bn1 layer{1..4}.{i}.{conv,bn}{1..3} downsample.{0,1} fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, of_torch
from shared.fields import Depth, Positive, Rate, Ratio, Side, Size
from shared.specs.base import ConvSpec, Original, Pool, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class BlockSpec:
    """A block is a residual branch beside its shortcut.

    convs: the residual branch in order; downsample: the projection, if any.
    """

    convs: tuple[ConvSpec, ...]
    downsample: ConvSpec | None


@dataclass(frozen=True, kw_only=True)
class ResNetSpec(Spec):
    block: Literal["basic", "bottleneck"]
    depths: tuple[Depth, Depth, Depth, Depth]
    widths: tuple[Size, Size, Size, Size] = (64, 128, 256, 512)
    groups: Size = 1
    inner_ratio: Ratio = 1.0  # of the 3x3 conv's width to widths, in a bottleneck
    num_classes: Size = 1000
    image_size: Side = 224
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.block == "basic" and (self.groups, self.inner_ratio) != (1, 1.0):
            self.refuse(
                "block", self.block, "bottleneck where groups or inner_ratio is set"
            )
        if int(min(self.widths) * self.inner_ratio) < 1:
            allowed = f"enough for a map of each of {self.widths}"
            self.refuse("inner_ratio", self.inner_ratio, allowed)
        for width in self.widths:
            if int(width * self.inner_ratio) % self.groups:
                self.refuse("groups", self.groups, "a divisor of every inner width")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, self.image_size, self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        return {
            "*conv?.weight": he,
            "*.downsample.0.weight": he,
            "fc.*": of_torch(self.c_out),
        }

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec.padded(3, self.widths[0], 7, 2, bias=False)

    @property
    def stem_pool(self) -> Pool:
        return Pool(3, 2, 1)

    @property
    def stages(self) -> tuple[tuple[BlockSpec, ...], ...]:
        c_in, stages = self.widths[0], []
        for stage, (depth, width) in enumerate(
            zip(self.depths, self.widths, strict=True)
        ):
            blocks = []
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(self._block(c_in, width, stride))
                c_in = blocks[-1].convs[-1].c_out
            stages.append(tuple(blocks))
        return tuple(stages)

    def _block(self, c_in: int, width: int, stride: int) -> BlockSpec:
        convs: tuple[ConvSpec, ...]
        if self.block == "basic":
            c_out = width
            convs = (
                ConvSpec.padded(c_in, width, 3, stride, bias=False),
                ConvSpec.padded(width, width, 3, bias=False),
            )
        else:
            c_out, inner = 4 * width, int(width * self.inner_ratio)
            convs = (
                ConvSpec.padded(c_in, inner, 1, bias=False),
                ConvSpec.padded(inner, inner, 3, stride, self.groups, bias=False),
                ConvSpec.padded(inner, c_out, 1, bias=False),
            )
        project = stride != 1 or c_in != c_out  # option B, section 3.3
        shortcut = ConvSpec.padded(c_in, c_out, 1, stride, bias=False)
        return BlockSpec(convs, shortcut if project else None)

    @property
    def c_out(self) -> int:
        return self.stages[-1][-1].convs[-1].c_out


_Four = tuple[int, int, int, int]


def _basic(*depths: *_Four) -> ResNetSpec:
    return ResNetSpec(block="basic", depths=depths)


def _bottleneck(
    *depths: *_Four, groups: int = 1, inner_ratio: float = 1.0
) -> ResNetSpec:
    return ResNetSpec(
        block="bottleneck", depths=depths, groups=groups, inner_ratio=inner_ratio
    )


def _tiny(block: Literal["basic", "bottleneck"], groups: int = 1) -> ResNetSpec:
    return ResNetSpec(
        block=block,
        depths=(1, 2, 1, 1),
        widths=(8, 8, 12, 16),
        groups=groups,
        num_classes=5,
        image_size=40,
        bn_eps=1e-3,
        bn_decay=0.8,
    )


_TORCHVISION = "torchvision 0.28.0"
VARIANTS = {
    "resnet_tiny": Variant(_tiny("basic"), 11_557, "sum over its layers", tiny=True),
    "resnet_tiny_bottleneck": Variant(
        _tiny("bottleneck", groups=2), 15_141, "sum over its layers", tiny=True
    ),
    "resnet18": Variant(_basic(2, 2, 2, 2), 11_689_512, _TORCHVISION),
    "resnet34": Variant(_basic(3, 4, 6, 3), 21_797_672, _TORCHVISION),
    "resnet50": Variant(_bottleneck(3, 4, 6, 3), 25_557_032, _TORCHVISION),
    "resnet101": Variant(_bottleneck(3, 4, 23, 3), 44_549_160, _TORCHVISION),
    "resnet152": Variant(_bottleneck(3, 8, 36, 3), 60_192_808, _TORCHVISION),
    "resnext50_32x4d": Variant(
        _bottleneck(3, 4, 6, 3, groups=32, inner_ratio=2.0), 25_028_904, _TORCHVISION
    ),
    "wide_resnet50_2": Variant(
        _bottleneck(3, 4, 6, 3, inner_ratio=2.0), 68_883_240, _TORCHVISION
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "resnet18",
        "torchvision's resnet18",
        VARIANTS["resnet18"],
        image_size=64,
    ),
)

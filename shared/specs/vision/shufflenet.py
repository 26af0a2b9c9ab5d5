"""ShuffleNet V2 (Ma et al. 2018, https://arxiv.org/abs/1807.11164, table 5) as
torchvision builds it.

Settled here because libraries disagree:
  split     the first half of the maps passes through, the second is worked on
  shuffle   of two halves beside each other: first, second, first, second ...
  stride    on the depthwise conv of the first unit of a stage, whose two branches both
            see all maps
  bn_decay  the share of the OLD running value that is kept
  start     torch's own, for convs and the last layer

Names are torchvision's: conv1.{0,1} stage{2,3,4}.{i}.branch{1,2}.{k} conv5.{0,1} fc,
where k counts convs, norms and ReLUs
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import HeUniform, Initializer, of_torch
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Pool, Spec, Tensor, Variant, image

# A convolution, and the activation behind its norm, or none.
Step = tuple[ConvSpec, str]


@dataclass(frozen=True)
class UnitSpec:
    """branch1 is empty where the maps are split (figure 3c), else figure 3d."""

    branch1: tuple[Step, ...]
    branch2: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class ShuffleNetSpec(Spec):
    widths: tuple[Size, Size, Size, Size, Size]  # of the stem, three stages, conv5
    depths: tuple[Depth, Depth, Depth] = (4, 8, 4)
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(width % 2 for width in self.widths[1:4]):
            self.refuse("widths", self.widths, "even numbers for the three stages")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        # Within 1 / sqrt(fan-in) of 0.
        own = HeUniform(activation="leaky_relu", slope=math.sqrt(5))
        return {
            "conv?.0.weight": own,
            "*.branch1.[02].weight": own,
            "*.branch2.[035].weight": own,
            "fc.*": of_torch(self.widths[-1]),
        }

    @property
    def stem(self) -> tuple[Step, ...]:
        return ((ConvSpec.padded(3, self.widths[0], 3, 2, bias=False), "relu"),)

    @property
    def stem_pool(self) -> Pool:
        return Pool(3, 2, 1)

    @property
    def stages(self) -> tuple[tuple[UnitSpec, ...], ...]:
        c_in, stages = self.widths[0], []
        for width, depth in zip(self.widths[1:4], self.depths, strict=True):
            first = _unit(c_in, width // 2, 2)
            stages.append((first, *(_unit(width, width // 2, 1),) * (depth - 1)))
            c_in = width
        return tuple(stages)

    @property
    def last(self) -> tuple[Step, ...]:
        c_in, c_out = self.widths[-2:]
        return ((ConvSpec(c_in, c_out, 1, bias=False), "relu"),)


def _unit(c_in: int, half: int, stride: int) -> UnitSpec:
    through: tuple[Step, ...] = (
        (ConvSpec.depthwise(c_in, 3, stride, bias=False), ""),
        (ConvSpec(c_in, half, 1, bias=False), "relu"),
    )
    worked: tuple[Step, ...] = (
        (ConvSpec(c_in if stride > 1 else half, half, 1, bias=False), "relu"),
        (ConvSpec.depthwise(half, 3, stride, bias=False), ""),
        (ConvSpec(half, half, 1, bias=False), "relu"),
    )
    return UnitSpec(through if stride > 1 else (), worked)


def _variant(parameters: int, *widths: *tuple[int, int, int, int, int]) -> Variant:
    return Variant(ShuffleNetSpec(widths=widths), parameters, "torchvision 0.28.0")


VARIANTS = {
    "shufflenet_tiny": Variant(
        ShuffleNetSpec(
            widths=(5, 6, 8, 10, 11),
            depths=(2, 1, 1),
            num_classes=7,
            image_size=(34, 45),
            # A depthwise conv's norm has a bias that the next norm takes away again: of
            # its gradient there is only noise, which AdamW enlarges; here it is small.
            bn_eps=1.0,
            bn_decay=0.8,
        ),
        1_045,
        "sum over its layers",
        tiny=True,
    ),
    "shufflenet_v2_x0_5": _variant(1_366_792, 24, 48, 96, 192, 1024),
    "shufflenet_v2_x1_0": _variant(2_278_604, 24, 116, 232, 464, 1024),
    "shufflenet_v2_x1_5": _variant(3_503_624, 24, 176, 352, 704, 1024),
    "shufflenet_v2_x2_0": _variant(7_393_996, 24, 244, 488, 976, 2048),
}

ORACLES = (
    Original.of(
        "torchvision",
        "shufflenet_v2_x0_5",
        "torchvision's shufflenet_v2_x0_5",
        VARIANTS["shufflenet_v2_x0_5"],
        image_size=(64, 67),
    ),
)

"""MnasNet-B1 (Tan et al. 2018, https://arxiv.org/abs/1807.11626) as torchvision builds
it.

Settled here because libraries disagree:
  widths    all but the last convolution's times alpha, to a multiple of 8: to the
            nearest, and one further up where that would lose more than a tenth
  shortcut  where a block keeps width and size; no ReLU behind its last norm
  padding   symmetric, k // 2 on each side, at every stride
  bn_decay  the share of the OLD running value that is kept: 0.9997
  start     He's normal by fan-out for convs; for the last layer He's uniform by fan-out
            as for a sigmoid

Names are torchvision's but for one that Keras reserves: its `layers` is `features` in
the model and `block` in a block (shared/files/checkpoints/mnasnet.py): features.{i}
features.{8-13}.{j}.block.{k} classifier.1, where i and k count convs, norms and ReLUs
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import HeNormal, HeUniform, Initializer
from shared.fields import Depth, Positive, Rate, Ratio, Side, Size
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image

# A convolution, and the activation behind its norm, or none.
Step = tuple[ConvSpec, str]
# Width, kernel, stride, expansion, blocks.
_Stack = tuple[Size, Size, Size, Size, Depth]
B1 = (
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)


@dataclass(frozen=True)
class BlockSpec:
    steps: tuple[Step, ...]
    residual: bool


@dataclass(frozen=True, kw_only=True)
class MNASNetSpec(Spec):
    alpha: Ratio  # of all widths
    stem_widths: tuple[Size, Size] = (32, 16)
    stacks: tuple[_Stack, ...] = B1
    last_width: Size = 1280
    multiple: Size = 8  # of which all widths are one
    dropout: Rate = 0.2
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9997

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stacks:
            self.refuse("stacks", self.stacks, "one stack or more")
        if any(kernel % 2 == 0 for _, kernel, *_ in self.stacks):
            self.refuse("stacks", self.stacks, "odd kernels")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        he, behind = HeNormal(mode="fan_out"), 8 + len(self.stacks)
        return {
            "features.[036].weight": he,
            "*.block.[036].weight": he,
            f"features.{behind}.weight": he,
            "classifier.1.weight": HeUniform(mode="fan_out", activation="sigmoid"),
        }

    def _width(self, width: int) -> int:
        wanted, least = width * self.alpha, self.multiple
        found = max(least, int(wanted + least / 2) // least * least)
        return found if found >= 0.9 * wanted else found + least

    @property
    def stem(self) -> tuple[Step, ...]:
        """A convolution, and a separable one."""
        first, second = map(self._width, self.stem_widths)
        return (
            (ConvSpec.padded(3, first, 3, 2, bias=False), "relu"),
            (ConvSpec.depthwise(first, 3, bias=False), "relu"),
            (ConvSpec(first, second, 1, bias=False), ""),
        )

    @property
    def blocks(self) -> tuple[tuple[BlockSpec, ...], ...]:
        """Gives the blocks of each stack."""
        c_in, stacks = self._width(self.stem_widths[-1]), []
        for width, k, stride, expansion, depth in self.stacks:
            c_out, blocks = self._width(width), []
            for i in range(depth):
                first = stride if i == 0 else 1
                blocks.append(_block(c_in, c_out, k, first, expansion))
                c_in = c_out
            stacks.append(tuple(blocks))
        return tuple(stacks)

    @property
    def last(self) -> tuple[Step, ...]:
        c_in = self._width(self.stacks[-1][0])
        return ((ConvSpec(c_in, self.last_width, 1, bias=False), "relu"),)


def _block(c_in: int, c_out: int, k: int, stride: int, expansion: int) -> BlockSpec:
    inner = c_in * expansion
    steps: tuple[Step, ...] = (
        (ConvSpec(c_in, inner, 1, bias=False), "relu"),
        (ConvSpec.depthwise(inner, k, stride, bias=False), "relu"),
        (ConvSpec(inner, c_out, 1, bias=False), ""),
    )
    return BlockSpec(steps, stride == 1 and c_in == c_out)


_TINY = MNASNetSpec(
    alpha=0.7,
    stem_widths=(7, 9),
    stacks=((12, 5, 2, 2, 2),),
    last_width=13,
    multiple=3,
    dropout=0.3,
    num_classes=7,
    # A block's last norm has a bias that the norm behind it takes away again: of its
    # gradient there is only noise, which AdamW enlarges; on small maps it is small.
    image_size=(10, 13),
    bn_eps=0.1,
    bn_decay=0.8,
)
_TORCHVISION = "torchvision 0.28.0"
VARIANTS = {
    "mnasnet_tiny": Variant(_TINY, 1_939, "sum over its layers", tiny=True),
    "mnasnet0_5": Variant(MNASNetSpec(alpha=0.5), 2_218_512, _TORCHVISION),
    "mnasnet0_75": Variant(MNASNetSpec(alpha=0.75), 3_170_208, _TORCHVISION),
    "mnasnet1_0": Variant(MNASNetSpec(alpha=1.0), 4_383_312, _TORCHVISION),
    "mnasnet1_3": Variant(MNASNetSpec(alpha=1.3), 6_282_256, _TORCHVISION),
}

ORACLES = (
    Original.of(
        "torchvision",
        "mnasnet0_5",
        "torchvision's mnasnet0_5",
        VARIANTS["mnasnet0_5"],
        image_size=(64, 67),
        dropout=0.0,
    ),
)

"""ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545), as its authors and
torchvision build it.

Settled here because libraries disagree:
  order     depthwise 7x7, norm, 1x1 to four times the width, GELU, 1x1 back; the 1x1
            convs are linear layers over the channels
  norm      over the channels at each place, also in front of each 2x2 downsampling and
            behind the mean over the map
  edges     what the 4x4 patches and 2x2 downsamplings leave over is not seen
  gelu      the exact form
  scale     gamma weighs each channel of a branch, and starts from 1e-6 (appendix A.1)
  drop_path of the last block; it grows from 0 in equal steps, block by block
  start     normal, of deviation 0.02: the authors cut it a hundred deviations away

Names are the authors': downsample_layers.{i}.{0,1}
stages.{i}.{j}.{dwconv,norm,pwconv1,pwconv2,gamma} norm head
torchvision counts places in lists: shared/files/checkpoints/convnext.py
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Constant, Initializer, Normal
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class BlockSpec:
    """A block is a depthwise convolution and two linear layers.

    inner: the width between the two linear layers; drop_path: of the branch.
    """

    width: int
    inner: int
    drop_path: float

    @property
    def depthwise(self) -> ConvSpec:
        return ConvSpec.depthwise(self.width, 7)


@dataclass(frozen=True)
class StageSpec:
    """A stage is a downsampling and its blocks.

    downsample: the patches of the image, or the downsampling of the last map.
    """

    downsample: ConvSpec
    blocks: tuple[BlockSpec, ...]


@dataclass(frozen=True, kw_only=True)
class ConvNeXtSpec(Spec):
    depths: tuple[Depth, ...]
    widths: tuple[Size, ...]
    drop_path: Rate
    layer_scale: Positive = 1e-6
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    ln_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.depths:
            self.refuse("depths", self.depths, "one stage or more")
        if len(self.widths) != len(self.depths):
            self.refuse("widths", self.widths, f"one each of {self.depths}")
        least = 4 * 2 ** (len(self.depths) - 1)
        if min(self.image_size) < least:
            self.refuse("image_size", self.image_size, f"at least {least} on each side")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        normal = Normal(std=0.02)
        return {
            "downsample_layers.0.0.weight": normal,
            "downsample_layers.[1-9].1.weight": normal,
            "stages.*conv*.weight": normal,
            "stages.*.gamma": Constant(value=self.layer_scale),
            "head.weight": normal,
        }

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        last = max(sum(self.depths) - 1, 1)
        number, stages = 0, []
        for stage, (depth, width) in enumerate(
            zip(self.depths, self.widths, strict=True)
        ):
            blocks = tuple(
                BlockSpec(width, 4 * width, self.drop_path * (number + i) / last)
                for i in range(depth)
            )
            stages.append(StageSpec(self._downsample(stage), blocks))
            number += depth
        return tuple(stages)

    def _downsample(self, stage: int) -> ConvSpec:
        if stage == 0:
            return ConvSpec(3, self.widths[0], 4, 4)
        return ConvSpec(self.widths[stage - 1], self.widths[stage], 2, 2)

    @property
    def c_out(self) -> int:
        return self.widths[-1]


def _convnext(
    depths: tuple[int, ...], width: int, drop_path: float, parameters: int
) -> Variant:
    widths = tuple(width * 2**stage for stage in range(len(depths)))
    spec = ConvNeXtSpec(depths=depths, widths=widths, drop_path=drop_path)
    return Variant(spec, parameters, "torchvision 0.28.0")


VARIANTS = {
    "convnext_mini": Variant(
        ConvNeXtSpec(
            depths=(1, 2),
            widths=(6, 10),
            drop_path=0.4,
            layer_scale=0.3,
            num_classes=5,
            image_size=(27, 37),
            ln_eps=1e-3,
        ),
        4_039,
        "sum over its layers",
        tiny=True,
    ),
    "convnext_tiny": _convnext((3, 3, 9, 3), 96, 0.1, 28_589_128),
    "convnext_small": _convnext((3, 3, 27, 3), 96, 0.4, 50_223_688),
    "convnext_base": _convnext((3, 3, 27, 3), 128, 0.5, 88_591_464),
    "convnext_large": _convnext((3, 3, 27, 3), 192, 0.5, 197_767_336),
}

ORACLES = (
    Original(
        "torchvision",
        "small_convnext",
        "torchvision's ConvNeXt, of two stages",
        ConvNeXtSpec(
            depths=(2, 3),
            widths=(12, 20),
            drop_path=0.0,
            num_classes=11,
            image_size=(45, 70),
        ),
    ),
)

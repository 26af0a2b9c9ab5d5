"""MobileNet, the first (Howard et al. 2017, https://arxiv.org/abs/1704.04861, table 1),
as keras.applications builds it. Those that followed: mobilenet_v2, mobilenet_v3.

Settled here because libraries disagree:
  padding   at stride 2 the end alone, (0, 1) by rows and by columns; the first conv as
            TensorFlow's "same", which is (1, 1) on a side of odd length
  stride    of the thirteenth block 1; the table has 2, and a map that stays 7x7
  relu      cut off at 6; the paper says ReLU
  width     the multiplier's product is cut to a whole number, not made a multiple of 8
  bn_decay  the share of the OLD running value that is kept
  dropout   on the means over the last maps
  start     Glorot's uniform, also for the last layer

Names are timm's, whose own model pads both sides: conv_stem bn1
blocks.{stage}.{i}.{conv_dw,bn1,conv_pw,bn2} classifier
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import Initializer, XavierUniform
from shared.fields import Depth, Positive, Rate, Ratio, Side, Size
from shared.specs.base import ConvSpec, Original, Spec, Tensor, Variant, image, same


@dataclass(frozen=True)
class BlockSpec:
    """A depthwise separable convolution (section 3.1)."""

    depthwise: ConvSpec
    pointwise: ConvSpec


@dataclass(frozen=True, kw_only=True)
class MobileNetV1Spec(Spec):
    width_multiplier: Ratio = 1.0  # alpha
    stem_width: Size = 32
    widths: tuple[Size, ...] = (64, 128, 256, 512, 1024)
    depths: tuple[Depth, ...] = (1, 2, 2, 6, 2)
    dropout: Rate = 1e-3
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.depths or len(self.depths) != len(self.widths):
            self.refuse("depths", self.depths, "as many as widths, one or more")
        if min(map(self._wide, (self.stem_width, *self.widths))) < 1:
            allowed = "one that leaves every layer a map"
            self.refuse("width_multiplier", self.width_multiplier, allowed)
        least = 2 ** len(self.widths)
        if min(self.image_size) < least:
            self.refuse("image_size", self.image_size, f"at least {least} on each side")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        glorot = XavierUniform()
        return {
            "conv_stem.weight": glorot,
            "*.conv_??.weight": glorot,
            "classifier.weight": glorot,
        }

    @property
    def stem(self) -> ConvSpec:
        rows, columns = (same(n, 3, 2) for n in self.image_size)
        width = self._wide(self.stem_width)
        return ConvSpec(3, width, 3, 2, (rows, columns), bias=False)

    @property
    def stages(self) -> tuple[tuple[BlockSpec, ...], ...]:
        """The first keeps the map's size, the others begin with stride 2."""
        c_in, stages = self.stem.c_out, []
        for stage, (depth, width) in enumerate(
            zip(self.depths, self.widths, strict=True)
        ):
            blocks = []
            for i in range(depth):
                halved = stage > 0 and i == 0
                blocks.append(_block(c_in, self._wide(width), halved))
                c_in = blocks[-1].pointwise.c_out
            stages.append(tuple(blocks))
        return tuple(stages)

    @property
    def c_out(self) -> int:
        return self._wide(self.widths[-1])

    def _wide(self, width: int) -> int:
        return int(width * self.width_multiplier)


def _block(c_in: int, c_out: int, halved: bool) -> BlockSpec:
    depthwise = ConvSpec.depthwise(c_in, 3, bias=False)
    if halved:
        depthwise = ConvSpec(c_in, c_in, 3, 2, ((0, 1), (0, 1)), c_in, bias=False)
    return BlockSpec(depthwise, ConvSpec(c_in, c_out, 1, bias=False))


def _published(multiplier: float, parameters: int) -> Variant:
    source = f"keras.applications 3.15.1, alpha={multiplier}"
    return Variant(MobileNetV1Spec(width_multiplier=multiplier), parameters, source)


VARIANTS = {
    "mobilenet_v1_tiny": Variant(
        MobileNetV1Spec(
            width_multiplier=0.7,
            stem_width=8,
            widths=(11, 15),
            depths=(1, 2),
            dropout=0.3,
            num_classes=6,
            image_size=(19, 26),
            bn_eps=1e-2,
            bn_decay=0.8,
        ),
        712,
        "sum over its layers",
        tiny=True,
    ),
    "mobilenet_v1": _published(1.0, 4_231_976),
    "mobilenet_v1_x0_75": _published(0.75, 2_585_560),
    "mobilenet_v1_x0_5": _published(0.5, 1_331_592),
    "mobilenet_v1_x0_25": _published(0.25, 470_072),
}

ORACLES = (
    Original.of(
        "keras.applications",
        "keras_mobilenet_x0_25",
        "keras.applications' MobileNet, at a quarter of its width",
        VARIANTS["mobilenet_v1_x0_25"],
        without=("running_var",),  # DIFF(bn-var): Keras's own is biased
        image_size=(61, 46),
        dropout=0.0,
    ),
)

"""FCN (Long, Shelhamer, Darrell 2015, https://arxiv.org/abs/1411.4038), DeepLabV3 (Chen
et al. 2017, https://arxiv.org/abs/1706.05587) and LR-ASPP (Howard et al. 2019,
https://arxiv.org/abs/1905.02244, section 6.4), as torchvision builds them: a class for
each pixel from the maps of a classifier.

Settled here because the papers leave it open, or libraries disagree:
  trunk     a ResNet of bottlenecks (FCN's paper has VGG-16), whose last stages keep the
            size of their maps: where the stride was, the kernel's places are apart, by
            a rate that doubles; the first block of such a stage has the rate of those
            before it. LR-ASPP's is MobileNetV3, with a rate of 2 in its last blocks
  low maps  LR-ASPP's second classifier sees the maps before the last two strides
  heads     in training there is a second output, of a head on the third stage, with a
            weight of 0.5 in the loss; torchvision's has it in evaluation too
  upwards   bilinear, the middles of pixels (align_corners=False), at once to the size
            of the picture; FCN's paper learns it
  logits    classes last, as losses take them
  start     He's normal by fan-out in the trunks, torch's own in the heads

Names are torchvision's: backbone.* as ResNet's and MobileNetV3's, classifier.{0..4}
classifier.0.{convs.{i},project} aux_classifier.{0,1,4}
classifier.{cbr,scale,low_classifier,high_classifier}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from shared.arrays import Arrays
from shared.definitions.initializers import HeNormal, Initializer, of_torch
from shared.definitions.losses import CrossEntropy
from shared.fields import Checked, Depth, Positive, Rate, Ratio, Side, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import (
    ConvSpec,
    Original,
    Pool,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)
from shared.specs.vision import mobilenet_v3, resnet
from shared.specs.vision.mobilenet_v3 import LARGE, MobileNetV3Spec, Row
from shared.specs.vision.resnet import ResNetSpec

Head = tuple[ConvSpec, ConvSpec]


@dataclass(frozen=True)
class NormSpec:
    """What a batch norm is told."""

    bn_eps: float
    bn_decay: float


@dataclass(frozen=True, kw_only=True)
class TrunkSpec(Checked):
    """A ResNet without its last layer.

    dilated: of the last three stages, which keep the size of their maps.
    """

    depths: tuple[Depth, Depth, Depth, Depth] = (3, 4, 6, 3)
    widths: tuple[Size, Size, Size, Size] = (64, 128, 256, 512)
    dilated: tuple[bool, bool, bool] = (False, True, True)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.dilated) != sorted(self.dilated):
            allowed = "True for every stage behind one that has it"
            self.refuse("dilated", self.dilated, allowed)

    @property
    def whole(self) -> ResNetSpec:
        return ResNetSpec(block="bottleneck", depths=self.depths, widths=self.widths)

    @property
    def stem(self) -> ConvSpec:
        return self.whole.stem

    @property
    def stem_pool(self) -> Pool:
        return self.whole.stem_pool

    @property
    def stages(self) -> tuple[tuple[resnet.BlockSpec, ...], ...]:
        found, rate = [], 1
        dilated = (False, *self.dilated)
        for blocks, dilates in zip(self.whole.stages, dilated, strict=True):
            if dilates:
                first, *others = blocks
                before, rate = rate, 2 * rate
                others = [_dilated(b, rate) for b in others]
                blocks = (_dilated(first, before), *others)
            found.append(blocks)
        return tuple(found)

    @property
    def c_outs(self) -> tuple[int, ...]:
        """The channels of what each stage puts out."""
        return tuple(blocks[-1].convs[-1].c_out for blocks in self.stages)


def _dilated(b: resnet.BlockSpec, rate: int) -> resnet.BlockSpec:
    narrow, wide, last = b.convs
    shortcut = b.downsample and replace(b.downsample, stride=1)
    return resnet.BlockSpec((narrow, wide.dilated(rate), last), shortcut)


@dataclass(frozen=True, kw_only=True)
class _Pixels(Spec):
    """What all have. Case `one`: a single sample."""

    classes: Size = 21
    image_size: tuple[Side, Side] = (520, 520)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classes < 2:
            self.refuse("classes", self.classes, "two or more, the background is one")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (*self.image_size, self.classes)),)

    def programs(self) -> Mapping[str, Program]:
        size = self.image_size
        found = (Tensor("mask", size, below=self.classes), Tensor("margin", size))
        return {"segment": Program("segment", self.inputs(), found, margin="margin")}

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        if case == "one" and case in self.cases:
            return super().examples(1, seed)
        return super().examples(batch, seed, case)


@dataclass(frozen=True, kw_only=True)
class _OnResNet(_Pixels):
    """head_dropout: of a head of two convolutions."""

    trunk: TrunkSpec = field(default_factory=TrunkSpec)
    auxiliary: bool = True
    head_dropout: Rate = 0.1

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        (logits,) = super().outputs(training)
        more = (replace(logits, name="auxiliary"),)
        return (logits, *more[: self.auxiliary and training])

    def objective(self) -> Supervised:
        heads = (1.0, *(0.5,) * self.auxiliary)
        return Supervised(loss=CrossEntropy(), heads=heads)

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        found: dict[str, Initializer] = {
            "backbone.*conv?.weight": he,
            "backbone.*.downsample.0.weight": he,
        }
        if self.auxiliary:
            found |= self._head_starts("aux_classifier", self.aux_head)
        return found

    @property
    def aux_head(self) -> Head:
        """It stands on the third stage."""
        return self._head(self.trunk.c_outs[2])

    def _head(self, c_in: int) -> Head:
        width = c_in // 4
        first = ConvSpec.padded(c_in, width, 3, bias=False)
        return first, ConvSpec(width, self.classes, 1)

    def _head_starts(self, name: str, head: Head) -> dict[str, Initializer]:
        first, last = head
        return {
            f"{name}.0.weight": of_torch(first.inputs),
            f"{name}.4.*": of_torch(last.inputs),
        }


@dataclass(frozen=True, kw_only=True)
class FCNSpec(_OnResNet):
    cases: ClassVar[tuple[str, ...]] = ("one",)

    def starts(self) -> Mapping[str, Initializer]:
        return {**super().starts(), **self._head_starts("classifier", self.head)}

    @property
    def head(self) -> Head:
        return self._head(self.trunk.c_outs[3])


@dataclass(frozen=True, kw_only=True)
class DeepLabV3Spec(_OnResNet):
    """rates: of the dilated branches; width: of every branch."""

    rates: tuple[Size, ...] = (12, 24, 36)
    width: Size = 256
    dropout: Rate = 0.5

    def starts(self) -> Mapping[str, Initializer]:
        near, *far = self.branches
        convs, last = "classifier.0.convs", len(self.branches)
        return {
            **super().starts(),
            f"{convs}.0.0.weight": of_torch(near.inputs),
            f"{convs}.*.0.weight": of_torch(far[0].inputs),
            f"{convs}.{last}.1.weight": of_torch(self.pooled.inputs),
            "classifier.0.project.0.weight": of_torch(self.project.inputs),
            "classifier.1.weight": of_torch(self.conv.inputs),
            "classifier.4.*": of_torch(self.out.inputs),
        }

    @property
    def branches(self) -> tuple[ConvSpec, ...]:
        c_in = self.trunk.c_outs[3]
        near = ConvSpec(c_in, self.width, 1, bias=False)
        far = ConvSpec(c_in, self.width, 3, bias=False)
        return (near, *(far.dilated(rate) for rate in self.rates))

    @property
    def pooled(self) -> ConvSpec:
        """The branch of what each map is in the mean."""
        return self.branches[0]

    @property
    def project(self) -> ConvSpec:
        """Gives one branch's width of all of them side by side."""
        number = len(self.branches) + 1
        return ConvSpec(number * self.width, self.width, 1, bias=False)

    @property
    def conv(self) -> ConvSpec:
        return ConvSpec.padded(self.width, self.width, 3, bias=False)

    @property
    def out(self) -> ConvSpec:
        return ConvSpec(self.width, self.classes, 1)


@dataclass(frozen=True, kw_only=True)
class LRASPPSpec(_Pixels):
    """table, stem_width, divisor: of MobileNetV3. dilated: how many of its last blocks
    are; inter_width: of the head; head_eps, head_decay: of its norm."""

    cases: ClassVar[tuple[str, ...]] = ("one",)

    table: tuple[Row, ...]
    stem_width: Size = 16
    divisor: Size = 8
    width_multiplier: Ratio = 1.0
    dilated: Size = 3
    inter_width: Size = 128
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.99
    head_eps: Positive = 1e-5
    head_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self._strided) < 2:
            self.refuse("table", self.table, "two rows or more with a stride of 2")

    def starts(self) -> Mapping[str, Initializer]:
        he = HeNormal(mode="fan_out")
        return {
            "backbone.*.0.weight": he,
            "backbone.*.fc?.weight": he,
            "classifier.cbr.0.weight": of_torch(self.high.inputs),
            "classifier.scale.1.weight": of_torch(self.high.inputs),
            "classifier.low_classifier.*": of_torch(self.low_classifier.inputs),
            "classifier.high_classifier.*": of_torch(self.high_classifier.inputs),
        }

    @property
    def mobilenet(self) -> MobileNetV3Spec:
        return MobileNetV3Spec(
            table=self.table,
            hidden=1,
            width_multiplier=self.width_multiplier,
            divisor=self.divisor,
            stem_width=self.stem_width,
        )

    @property
    def stem(self) -> ConvSpec:
        return self.mobilenet.stem

    @property
    def blocks(self) -> tuple[mobilenet_v3.BlockSpec, ...]:
        found = self.mobilenet.blocks
        kept = max(len(found) - self.dilated, 0)
        apart = (replace(b, depthwise=b.depthwise.dilated(2)) for b in found[kept:])
        return (*found[:kept], *apart)

    @property
    def last(self) -> ConvSpec:
        return self.mobilenet.head

    @property
    def low(self) -> int:
        """Which of the trunk's parts, the stem is 0, puts out the low maps."""
        return (0, *self._strided)[-3]

    @property
    def _strided(self) -> tuple[int, ...]:
        return tuple(i for i, row in enumerate(self.table, 1) if row[-1] > 1)

    @property
    def high(self) -> ConvSpec:
        return ConvSpec(self.last.c_out, self.inter_width, 1, bias=False)

    @property
    def low_classifier(self) -> ConvSpec:
        part = self.blocks[self.low - 1].project if self.low else self.stem
        return ConvSpec(part.c_out, self.classes, 1)

    @property
    def high_classifier(self) -> ConvSpec:
        return ConvSpec(self.inter_width, self.classes, 1)

    @property
    def head_norm(self) -> NormSpec:
        return NormSpec(self.head_eps, self.head_decay)


_TINY_TRUNK = TrunkSpec(
    depths=(1, 1, 2, 2), widths=(4, 5, 6, 7), bn_eps=2e-3, bn_decay=0.8
)
_TINY_TABLE: tuple[Row, ...] = (
    (3, 7, 5, True, "relu", 2),
    (3, 15, 5, False, "hard_swish", 1),
    (5, 11, 7, False, "hard_swish", 2),
)
_DEEP = (3, 4, 23, 3)
_SUM = "sum over its layers"
_AUXILIARY = "torchvision 0.28.0, aux_loss=True"
_ALONE = "torchvision 0.28.0, aux_loss=False"
VARIANTS = {
    "fcn_tiny": Variant(
        FCNSpec(trunk=_TINY_TRUNK, head_dropout=0.3, classes=3, image_size=(33, 26)),
        9_326,
        _SUM,
        tiny=True,
    ),
    "deeplabv3_tiny": Variant(
        DeepLabV3Spec(
            trunk=TrunkSpec(
                depths=(1, 1, 1, 1), widths=(4, 5, 3, 6), dilated=(False, False, True)
            ),
            auxiliary=False,
            rates=(2, 3),
            width=5,
            dropout=0.4,
            classes=4,
            image_size=(45, 52),
        ),
        6_023,
        _SUM,
        tiny=True,
    ),
    "lraspp_tiny": Variant(
        LRASPPSpec(
            table=_TINY_TABLE,
            stem_width=8,
            divisor=3,
            width_multiplier=1.2,
            dilated=1,
            inter_width=5,
            classes=4,
            image_size=(25, 18),
            bn_eps=1e-2,
            bn_decay=0.8,
            head_eps=2e-3,
            head_decay=0.7,
        ),
        2_708,
        _SUM,
        tiny=True,
    ),
    "fcn_resnet50": Variant(FCNSpec(), 35_322_218, _AUXILIARY),
    "fcn_resnet50_no_aux": Variant(FCNSpec(auxiliary=False), 32_957_013, _ALONE),
    "fcn_resnet101": Variant(
        FCNSpec(trunk=TrunkSpec(depths=_DEEP)), 54_314_346, _AUXILIARY
    ),
    "deeplabv3_resnet50": Variant(DeepLabV3Spec(), 42_004_074, _AUXILIARY),
    "deeplabv3_resnet101": Variant(
        DeepLabV3Spec(trunk=TrunkSpec(depths=_DEEP)), 60_996_202, _AUXILIARY
    ),
    "lraspp_mobilenet_v3_large": Variant(
        LRASPPSpec(table=LARGE), 3_221_538, "torchvision 0.28.0"
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "segmentation_fcn_resnet50",
        "torchvision's fcn_resnet50",
        VARIANTS["fcn_resnet50"],
        image_size=(33, 48),
        head_dropout=0.0,
    ),
    Original.of(
        "torchvision",
        "segmentation_deeplabv3_resnet50",
        "torchvision's deeplabv3_resnet50",
        VARIANTS["deeplabv3_resnet50"],
        image_size=(33, 48),
        head_dropout=0.0,
        dropout=0.0,
    ),
    Original.of(
        "torchvision",
        "segmentation_lraspp_mobilenet_v3_large",
        "torchvision's lraspp_mobilenet_v3_large",
        VARIANTS["lraspp_mobilenet_v3_large"],
        without=("gradients",),  # DIFF(hard-float32): torch's are rounded
        image_size=(47, 64),
    ),
)

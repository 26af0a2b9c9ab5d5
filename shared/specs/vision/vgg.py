"""VGG (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556, table 1), with and
without batch norm, as torchvision builds it.

Settled here because libraries disagree:
  stages    3x3 convs of one width each, and a 2x2 max pool after every stage
  bias      every conv has one, also where batch norm follows and cancels it
  pooling   adaptive, to a 7x7 map in front of the classifier: at the paper's size it
            does nothing, and images of other sizes fit too
  flatten   channels first, then rows, then columns
  bn_decay  the share of the OLD running value that is kept
  start     He's normal by fan-out for convs, of deviation 0.01 for the classifier

Names are torchvision's: features.{i} classifier.{0,3,6}, where i counts convs, norms,
ReLUs and pools
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.definitions.initializers import HeNormal, Initializer, Normal
from shared.fields import Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Pool, Spec, Tensor, Variant, image


@dataclass(frozen=True, kw_only=True)
class VGGSpec(Spec):
    stages: tuple[tuple[Size, ...], ...]
    batch_norm: bool
    pooled: tuple[Size, Size] = (7, 7)
    hidden: tuple[Size, ...] = (4096, 4096)
    dropout: Rate = 0.5
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stages or not all(self.stages):
            self.refuse("stages", self.stages, "one stage or more, with a conv or more")
        least = self.pool.stride ** len(self.stages)
        if min(self.image_size) < least:
            self.refuse("image_size", self.image_size, f"at least {least} on each side")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        found: dict[str, Initializer] = {"classifier.*.weight": Normal(std=0.01)}
        index = 0
        for widths in self.stages:
            for _ in widths:
                found[f"features.{index}.weight"] = HeNormal(mode="fan_out")
                index += 2 + self.batch_norm  # a norm, a ReLU
            index += 1  # the pooling
        return found

    @property
    def convs(self) -> tuple[tuple[ConvSpec, ...], ...]:
        """Gives the convolutions of each stage."""
        c_in, stages = 3, []
        for widths in self.stages:
            stages.append(
                tuple(ConvSpec.padded(*c, 3) for c in pairwise((c_in, *widths)))
            )
            c_in = widths[-1]
        return tuple(stages)

    @property
    def pool(self) -> Pool:
        return Pool(2, 2)

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer of the classifier."""
        rows, columns = self.pooled
        flat = self.stages[-1][-1] * rows * columns
        return tuple(pairwise((flat, *self.hidden, self.num_classes)))


def _vgg(*depths: int, batch_norm: bool) -> VGGSpec:
    widths = (64, 128, 256, 512, 512)
    stages = tuple((w,) * n for w, n in zip(widths, depths, strict=True))
    return VGGSpec(stages=stages, batch_norm=batch_norm)


def _pair(name: str, *depths: int, plain: int, batch_norm: int) -> dict[str, Variant]:
    """Make a column of table 1 without and with batch norm, of so many parameters."""
    source = "torchvision 0.28.0"
    return {
        name: Variant(_vgg(*depths, batch_norm=False), plain, source),
        f"{name}_bn": Variant(_vgg(*depths, batch_norm=True), batch_norm, source),
    }


VARIANTS = {
    "vgg_tiny": Variant(
        VGGSpec(
            stages=((6,), (8, 9)),
            batch_norm=False,
            pooled=(2, 3),
            hidden=(13, 11),
            dropout=0.3,
            num_classes=5,
            image_size=(14, 22),
        ),
        2_194,
        "sum over its layers",
        tiny=True,
    ),
    "vgg_tiny_bn": Variant(
        VGGSpec(
            stages=((5, 7), (8,), (10,)),
            batch_norm=True,
            pooled=(3, 2),
            hidden=(22, 19),
            dropout=0.4,
            num_classes=13,
            image_size=(18, 27),
            bn_eps=1e-3,
            bn_decay=0.8,
        ),
        3_803,
        "sum over its layers",
        tiny=True,
    ),
    **_pair("vgg11", 1, 1, 2, 2, 2, plain=132_863_336, batch_norm=132_868_840),
    **_pair("vgg13", 2, 2, 2, 2, 2, plain=133_047_848, batch_norm=133_053_736),
    **_pair("vgg16", 2, 2, 3, 3, 3, plain=138_357_544, batch_norm=138_365_992),
    **_pair("vgg19", 2, 2, 4, 4, 4, plain=143_667_240, batch_norm=143_678_248),
}

ORACLES = (
    Original.of(
        "torchvision",
        "vgg11_bn",
        "torchvision's vgg11_bn",
        VARIANTS["vgg11_bn"],
        image_size=(32, 64),
        dropout=0.0,
    ),
)

"""DenseNet (Huang et al. 2016, https://arxiv.org/abs/1608.06993, table 1: DenseNet-BC)
as torchvision builds it.

Settled here because libraries disagree:
  order     norm, ReLU, convolution; a dropout after a layer's second convolution
  joined    what a layer sees is put together once, from all that came before it
  end       a norm and a ReLU behind the last block, then the mean over the map
  padding   symmetric, k // 2 on each side, at every stride
  bn_decay  the share of the OLD running value that is kept
  start     He's normal by fan-in for convs, torch's own for the last layer's weights

Names are torchvision's: features.{conv0,norm0}
features.denseblock{b}.denselayer{i}.{norm,conv}{1,2} features.transition{b}.{norm,conv}
features.norm5 classifier, counted from 1. Its published files are older and say norm.1
for norm1; shared/files/checkpoints/densenet.py reads them, and Keras's names.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.definitions.initializers import HeNormal, Initializer, of_torch
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Pool, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class LayerSpec:
    """A dense layer adds its maps to those before it.

    convs: the bottleneck's 1x1, and the 3x3 whose maps the layer adds.
    """

    name: str
    convs: tuple[ConvSpec, ConvSpec]


@dataclass(frozen=True)
class BlockSpec:
    name: str
    layers: tuple[LayerSpec, ...]


@dataclass(frozen=True)
class TransitionSpec:
    """What halves maps and map between two blocks."""

    name: str
    conv: ConvSpec
    pool: Pool


@dataclass(frozen=True, kw_only=True)
class DenseNetSpec(Spec):
    depths: tuple[Depth, ...]
    growth: Size = 32  # the paper's k
    stem_width: Size = 64
    bottleneck: Size = 4  # the 1x1 conv's width, in growths
    dropout: Rate = 0.0
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.depths:
            self.refuse("depths", self.depths, "one block or more")
        # Stem and pooling round up, transitions down.
        least = 2 ** (len(self.depths) + 1) - 3
        if min(self.image_size) < least:
            self.refuse("image_size", self.image_size, f"at least {least} on each side")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "features.*conv*.weight": HeNormal(),
            "classifier.weight": of_torch(self.c_out),
        }

    @property
    def stem(self) -> ConvSpec:
        return ConvSpec.padded(3, self.stem_width, 7, 2, bias=False)

    @property
    def stem_pool(self) -> Pool:
        return Pool(3, 2, 1)

    @property
    def parts(self) -> tuple[BlockSpec | TransitionSpec, ...]:
        """Blocks, with a transition between every two."""
        width = self.stem_width
        parts: list[BlockSpec | TransitionSpec] = []
        for b, depth in enumerate(self.depths, start=1):
            if b > 1:
                halved = ConvSpec(width, width // 2, 1, bias=False)
                parts.append(TransitionSpec(f"transition{b - 1}", halved, Pool(2, 2)))
                width = halved.c_out
            parts.append(BlockSpec(f"denseblock{b}", self._layers(width, depth)))
            width += depth * self.growth
        return tuple(parts)

    def _layers(self, width: int, depth: int) -> tuple[LayerSpec, ...]:
        inner = self.bottleneck * self.growth
        return tuple(
            LayerSpec(
                f"denselayer{i + 1}",
                (
                    ConvSpec(width + i * self.growth, inner, 1, bias=False),
                    ConvSpec.padded(inner, self.growth, 3, bias=False),
                ),
            )
            for i in range(depth)
        )

    @property
    def c_out(self) -> int:
        width = self.stem_width + self.depths[0] * self.growth
        for depth in self.depths[1:]:
            width = width // 2 + depth * self.growth
        return width


def _densenet(*depths: int, growth: int = 32, stem_width: int = 64) -> DenseNetSpec:
    return DenseNetSpec(depths=depths, growth=growth, stem_width=stem_width)


_TINY = DenseNetSpec(
    depths=(2, 1),
    growth=3,
    stem_width=5,
    bottleneck=2,
    dropout=0.3,
    num_classes=7,
    image_size=(22, 27),
    # All that reads a map norms it: with a small eps the scale of the norm before has
    # next to no gradient, and float32 nothing but noise of it.
    bn_eps=0.1,
    bn_decay=0.8,
)
_TORCHVISION = "torchvision 0.28.0"
VARIANTS = {
    "densenet_tiny": Variant(_TINY, 1_567, "sum over its layers", tiny=True),
    "densenet121": Variant(_densenet(6, 12, 24, 16), 7_978_856, _TORCHVISION),
    "densenet161": Variant(
        _densenet(6, 12, 36, 24, growth=48, stem_width=96), 28_681_000, _TORCHVISION
    ),
    "densenet169": Variant(_densenet(6, 12, 32, 32), 14_149_480, _TORCHVISION),
    "densenet201": Variant(_densenet(6, 12, 48, 32), 20_013_928, _TORCHVISION),
}

ORACLES = (
    Original.of(
        "torchvision",
        "densenet121",
        "torchvision's densenet121",
        VARIANTS["densenet121"],
        image_size=(33, 40),
    ),
)

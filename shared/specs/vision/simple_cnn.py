"""A small convolutional network as courses build it for MNIST: convolutions and max
pools in turn, then dense layers. Its maps are flattened, or each becomes one number:
its mean (Lin, Chen, Yan 2013, https://arxiv.org/abs/1312.4400, section 3.2) or its
largest value. Then the model reads pictures of any size: `multi_resolution_32`, 48 and
64 are one set of weights, and differ in what they are shown.

Settled here because libraries disagree:
  pooling   2x2, beside each other; an odd row or column at the end is left out
  dropout   in front of the last layer alone
  start     He's normal in front of relu, Glorot's uniform for the last layer, biases 0

Names: convs.{i} hidden.{i} fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.definitions.initializers import HeNormal, Initializer, XavierUniform
from shared.fields import Border, Rate, Side, Size
from shared.specs.base import ConvSpec, Pair, Pool, Spec, Tensor, Variant, image

Pooling = Literal["flatten", "mean", "max"]


@dataclass(frozen=True, kw_only=True)
class SimpleCNNSpec(Spec):
    channels: Size = 1
    image_size: tuple[Side, Side] = (28, 28)
    widths: tuple[Size, ...] = (32, 64)
    kernel: Size = 3
    padding: Border = 0
    pooling: Pooling = "flatten"  # of what the last convolution leaves
    hidden: tuple[Size, ...] = ()
    dropout: Rate = 0.5
    num_classes: Size = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            self.refuse("widths", self.widths, "at least one convolution")
        if min(self.map_size) < 1:
            allowed = "a size that leaves a pixel after each pooling"
            self.refuse("image_size", self.image_size, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(self.channels, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        return {"fc.weight": XavierUniform(), "*.weight": HeNormal()}

    @property
    def convs(self) -> tuple[ConvSpec, ...]:
        sizes = pairwise((self.channels, *self.widths))
        return tuple(ConvSpec(*c, self.kernel, padding=self.padding) for c in sizes)

    @property
    def pool(self) -> Pool:
        return Pool(2, 2)

    @property
    def map_size(self) -> Pair:
        """Gives the size that the last pooling leaves; below 1 nothing is left."""
        size = self.image_size
        for c in self.convs:
            size = self.pool.map_size(*c.map_size(*size))
            if min(size) < 1:
                break
        return size

    @property
    def features(self) -> int:
        """What the first dense layer reads."""
        rows, columns = self.map_size if self.pooling == "flatten" else (1, 1)
        return self.widths[-1] * rows * columns

    @property
    def sizes(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.features, *self.hidden)))

    @property
    def c_out(self) -> int:
        return (self.features, *self.hidden)[-1]


def _pooled(pooling: Pooling) -> SimpleCNNSpec:
    return SimpleCNNSpec(padding=1, pooling=pooling, hidden=(64,))


def _resolution(size: int) -> SimpleCNNSpec:
    return SimpleCNNSpec(
        channels=3,
        image_size=(size, size),
        widths=(32, 64, 128),
        padding=1,
        pooling="mean",
        hidden=(64,),
    )


def _tiny(pooling: Pooling) -> SimpleCNNSpec:
    return SimpleCNNSpec(
        channels=2,
        image_size=(17, 22),
        widths=(4, 7),
        kernel=4,
        padding=1,
        pooling=pooling,
        hidden=(9, 6),
        dropout=0.3,
        num_classes=5,
    )


_SUM = "sum over its layers"
VARIANTS = {
    "simple_cnn_tiny": Variant(_tiny("flatten"), 1_447, _SUM, tiny=True),
    "simple_cnn_tiny_mean": Variant(_tiny("mean"), 754, _SUM, tiny=True),
    "simple_cnn_tiny_max": Variant(_tiny("max"), 754, _SUM, tiny=True),
    "simple_cnn": Variant(SimpleCNNSpec(), 34_826, "Keras's example mnist_convnet"),
    "simple_cnn_mean": Variant(_pooled("mean"), 23_626, _SUM),
    "simple_cnn_max": Variant(_pooled("max"), 23_626, _SUM),
    "multi_resolution_32": Variant(_resolution(32), 102_154, _SUM),
    "multi_resolution_48": Variant(_resolution(48), 102_154, _SUM),
    "multi_resolution_64": Variant(_resolution(64), 102_154, _SUM),
}

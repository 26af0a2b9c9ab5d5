"""U-Net (Ronneberger, Fischer, Brox 2015, https://arxiv.org/abs/1505.04597): a class
for each pixel.

Settled here because the paper leaves it open, or codes disagree:
  padding   valid, the paper's: a convolution takes a pixel off each side, and of the
            maps that are copied the middle is kept (figure 1); same, of later codes:
            nothing becomes smaller
  joined    the copied maps first, then those from below
  norm      none in the paper; where batch norm follows, convolutions have no bias
  dropout   at the end of the last two levels on the way down (section 3.1), as in the
            published Caffe network; the paper gives no rate, that network 0.5
  logits    classes last, as losses take them
  start     He's normal by fan-in, as section 3, biases 0

Names: encoder.{i}.{conv1,norm1,conv2,norm2} decoder.{i}.up
decoder.{i}.block.{conv1,norm1,conv2,norm2} out, where i counts from the top, and in the
decoder from below
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

from shared.arrays import Arrays
from shared.definitions.initializers import HeNormal, Initializer
from shared.fields import Positive, Rate, Side, Size
from shared.specs.base import (
    ConvSpec,
    ConvTransposeSpec,
    Pair,
    Pool,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)


@dataclass(frozen=True)
class BlockSpec:
    """Two convolutions, each with its norm and ReLU, then dropout."""

    convs: tuple[ConvSpec, ConvSpec]
    dropout: float


@dataclass(frozen=True)
class UpSpec:
    """A doubled map beside the middle of a copied one.

    top, left: rows and columns of the copied map before what is kept of it.
    size: the rows and columns that are kept.
    """

    up: ConvTransposeSpec
    top: int
    left: int
    size: Pair
    block: BlockSpec


@dataclass(frozen=True, kw_only=True)
class UNetSpec(Spec):
    """widths: the channels of each level, from the top to the bottom."""

    channels: Size
    classes: Size
    widths: tuple[Size, ...] = (64, 128, 256, 512, 1024)
    image_size: tuple[Side, Side]
    padding: Literal["valid", "same"]
    batch_norm: bool = False
    dropout: Rate = 0.0
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    cases: ClassVar[tuple[str, ...]] = ("one",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) < 2:
            self.refuse("widths", self.widths, "two levels or more")
        if self.classes < 2:
            self.refuse("classes", self.classes, "two or more, the background is one")
        sizes = [*self._down, self.maps[-1]]
        if any(side < 1 for size in sizes for side in size):
            self.refuse("image_size", self.image_size, "larger: no pixel would be left")
        if any(side % 2 for size in self._down[:-1] for side in size):
            allowed = "such that the maps of each level but the last have even sides"
            self.refuse("image_size", self.image_size, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(self.channels, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (*self.maps[-1], self.classes)),)

    def programs(self) -> Mapping[str, Program]:
        size = self.maps[-1]
        found = (Tensor("mask", size, below=self.classes), Tensor("margin", size))
        return {"segment": Program("segment", self.inputs(), found, margin="margin")}

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        """one: a single sample."""
        if case == "one":
            return super().examples(1, seed)
        return super().examples(batch, seed, case)

    def starts(self) -> Mapping[str, Initializer]:
        names = ("*.conv?.weight", "*.up.weight", "out.weight")
        return dict.fromkeys(names, HeNormal())

    @property
    def pool(self) -> Pool:
        return Pool(2, 2)

    @property
    def encoder(self) -> tuple[BlockSpec, ...]:
        sizes = list(pairwise((self.channels, *self.widths)))
        deep = len(sizes) - 2
        return tuple(
            self._block(*c, self.dropout if i >= deep else 0.0)
            for i, c in enumerate(sizes)
        )

    @property
    def decoder(self) -> tuple[UpSpec, ...]:
        """Gives what leads from each level to the one above it, the lowest first."""
        found = []
        levels = zip(self._down[-2::-1], self.maps, strict=False)
        for (c_out, c_in), (copied, below) in zip(
            list(pairwise(self.widths))[::-1], levels, strict=True
        ):
            up = ConvTransposeSpec(c_in, c_out, 2, 2)
            size = up.map_size(*below)
            top, left = ((a - b) // 2 for a, b in zip(copied, size, strict=True))
            block = self._block(2 * c_out, c_out, 0.0)
            found.append(UpSpec(up, top, left, size, block))
        return tuple(found)

    @property
    def out(self) -> ConvSpec:
        return ConvSpec(self.widths[0], self.classes, 1)

    @property
    def maps(self) -> tuple[Pair, ...]:
        """Rows and columns of what each level below the way up puts out: the bottom's,
        then those of the decoder."""
        sizes = [self._down[-1]]
        for _ in self.widths[1:]:
            rows, columns = sizes[-1]
            sizes.append(self._shrunk(2 * rows, 2 * columns))
        return tuple(sizes)

    @property
    def _down(self) -> tuple[Pair, ...]:
        """Rows and columns of what each level of the encoder puts out."""
        sizes = [self._shrunk(*self.image_size)]
        for _ in self.widths[1:]:
            rows, columns = sizes[-1]
            sizes.append(self._shrunk(rows // 2, columns // 2))
        return tuple(sizes)

    def _shrunk(self, rows: int, columns: int) -> Pair:
        """What two convolutions leave of a map."""
        lost = 4 if self.padding == "valid" else 0
        return rows - lost, columns - lost

    def _block(self, c_in: int, c_out: int, dropout: float) -> BlockSpec:
        pad, bias = int(self.padding == "same"), not self.batch_norm
        one, two = (
            ConvSpec(c, c_out, 3, padding=pad, bias=bias) for c in (c_in, c_out)
        )
        return BlockSpec((one, two), dropout)


_PAPER = "counted over the layers of Ronneberger et al. 2015, figure 1"
VARIANTS = {
    "unet_tiny": Variant(
        UNetSpec(
            channels=2,
            classes=3,
            widths=(3, 5, 4),
            image_size=(44, 48),
            padding="valid",
            dropout=0.3,
        ),
        1_937,
        "sum over its layers",
        tiny=True,
    ),
    "unet_tiny_padded": Variant(
        UNetSpec(
            channels=1,
            classes=2,
            widths=(5, 3),
            image_size=(8, 6),
            padding="same",
            batch_norm=True,
        ),
        1_290,
        "sum over its layers",
        tiny=True,
    ),
    "unet": Variant(
        UNetSpec(
            channels=1,
            classes=2,
            image_size=(572, 572),
            padding="valid",
            dropout=0.5,
        ),
        31_030_658,
        _PAPER,
    ),
    "unet_padded": Variant(
        UNetSpec(
            channels=3,
            classes=2,
            image_size=(256, 256),
            padding="same",
            batch_norm=True,
        ),
        31_037_698,
        "milesial/Pytorch-UNet, with transposed convolutions",
    ),
}

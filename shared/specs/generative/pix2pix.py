"""pix2pix (Isola, Zhu, Zhou, Efros 2016, https://arxiv.org/abs/1611.07004): a U-Net
that makes of a picture another, and a critic of pairs that scores patches.

Settled here because the paper leaves it open, or codes disagree; the authors' code,
https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix, decides:
  order     in the generator leaky ReLU of 0.2, convolution and batch norm on the way
            down, without the first at the top and the last at top and bottom; on the
            way up ReLU, transposed convolution, norm, dropout
  joined    what was kept first, then what comes from below
  dropout   is what the generator draws. It follows the norm of those ups that keep
            their width, but the lowest; in evaluation nothing is dropped, where the
            paper drops too
  bias      in front of a norm none; nor in the generator but at its end
  patches   the critic's convolutions of 4x4 halve but the last two; it is shown both
            pictures, the given one first
  start     normal, of deviation 0.02; norms of mean 1

Names: generator.downs.{i}.{conv,norm} generator.ups.{i}.{conv,norm} generator.out
discriminator.downs.{i}.{conv,norm}
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.definitions.initializers import Initializer, Normal
from shared.fields import NonNegative, Positive, Rate, Side, Size
from shared.objectives.base import Objective
from shared.objectives.paired import Paired
from shared.specs.base import (
    ConvSpec,
    ConvTransposeSpec,
    Pair,
    Program,
    Spec,
    Tensor,
    Variant,
    image,
)


@dataclass(frozen=True)
class DownSpec:
    """A convolution, whether leaky ReLU is before it, and whether a norm follows."""

    conv: ConvSpec
    active: bool
    normed: bool


@dataclass(frozen=True)
class UpSpec:
    """A transposed convolution, which a norm follows, and the rate of dropout."""

    conv: ConvTransposeSpec
    dropout: float


@dataclass(frozen=True, kw_only=True)
class Pix2PixSpec(Spec):
    """widths: of the generator's maps, each half as wide and high as the one before.
    patches: of the critic's; all but the last halve. distance: as in Paired.
    """

    channels: Size = 3
    c_out: Size = 3
    image_size: tuple[Side, Side] = (256, 256)
    widths: tuple[Size, ...] = (64, 128, 256, 512, 512, 512, 512, 512)
    patches: tuple[Size, ...] = (64, 128, 256, 512)
    dropout: Rate = 0.5
    distance: NonNegative = 100.0
    bn_eps: Positive = 1e-5
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("widths", "patches"):
            if len(getattr(self, field)) < 2:
                self.refuse(field, getattr(self, field), "two widths or more")
        halvings = 2 ** len(self.widths)
        if any(side % halvings for side in self.image_size):
            allowed = f"multiples of {halvings}, which is halved at each width"
            self.refuse("image_size", self.image_size, allowed)
        if min(self.map_size) < 1:
            allowed = "widths that leave a patch to be scored"
            self.refuse("patches", self.patches, allowed)

    @property
    def image(self) -> Tensor:
        return image(self.channels, *self.image_size)

    @property
    def picture(self) -> Tensor:
        return image(self.c_out, *self.image_size, name="picture")

    def inputs(self) -> tuple[Tensor, ...]:
        return self.image, self.picture

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        score = image(1, *self.map_size, name="of_picture")
        return score, replace(score, name="of_made"), replace(self.picture, name="made")

    def programs(self) -> Mapping[str, Program]:
        made = (replace(self.picture, name="made"),)
        own = Program("translate", (self.image,), made, differentiable=True)
        return {"translate": own}

    def objective(self) -> Objective:
        return Paired(distance=self.distance)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "*.norm.weight": Normal(mean=1.0, std=0.02),
            "*.weight": Normal(std=0.02),
        }

    @property
    def downs(self) -> tuple[DownSpec, ...]:
        last = len(self.widths) - 1
        return tuple(
            DownSpec(ConvSpec(*c, 4, 2, 1, bias=False), i > 0, 0 < i < last)
            for i, c in enumerate(pairwise((self.channels, *self.widths)))
        )

    @property
    def ups(self) -> tuple[UpSpec, ...]:
        """Gives the ways up, the lowest first; the last is `out`."""
        found = []
        for i in range(len(self.widths) - 1, 0, -1):
            below, width = self.widths[i], self.widths[i - 1]
            lowest = i == len(self.widths) - 1
            conv = ConvTransposeSpec(
                below if lowest else 2 * below, width, 4, 2, 1, bias=False
            )
            drops = below == width and not lowest
            found.append(UpSpec(conv, self.dropout if drops else 0.0))
        return tuple(found)

    @property
    def out(self) -> ConvTransposeSpec:
        return ConvTransposeSpec(2 * self.widths[0], self.c_out, 4, 2, 1)

    @property
    def discriminator(self) -> tuple[DownSpec, ...]:
        first, *others = pairwise((self.channels + self.c_out, *self.patches))
        strides = (*(2,) * (len(others) - 1), 1)
        return (
            DownSpec(ConvSpec(*first, 4, 2, 1), False, False),
            *(
                DownSpec(ConvSpec(*c, 4, stride, 1, bias=False), True, True)
                for c, stride in zip(others, strides, strict=True)
            ),
            DownSpec(ConvSpec(self.patches[-1], 1, 4, 1, 1), True, False),
        )

    @property
    def map_size(self) -> Pair:
        """Gives the rows and columns of patches that are scored."""
        size = self.image_size
        for down in self.discriminator:
            size = down.conv.map_size(*size)
            if min(size) < 1:
                break
        return size


VARIANTS = {
    "pix2pix_tiny": Variant(
        Pix2PixSpec(
            channels=2,
            c_out=1,
            image_size=(16, 32),
            widths=(2, 3, 3, 4),
            patches=(3, 4, 2),
            dropout=0.3,
            distance=3.0,
            bn_eps=1e-3,
            bn_decay=0.7,
        ),
        1_773,
        "sum over its layers",
        tiny=True,
    ),
    "pix2pix": Variant(
        Pix2PixSpec(), 57_182_660, "the authors' code: 54.414 and 2.769 million"
    ),
}

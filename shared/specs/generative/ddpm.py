"""Denoising diffusion (DDPM: Ho, Jain, Abbeel 2020, https://arxiv.org/abs/2006.11239):
a U-Net that sees noise, of which DDPM and DDIM make pictures; with classes it is guided
by itself. Noise, times and samplers: shared/definitions/diffusion.py, shared/specs/
denoising.py.

Settled here because the paper leaves it open, or codes disagree; the authors' code,
https://github.com/hojonathanho/diffusion, decides:
  time      sines, then cosines, of the time over 10000^(i / (n - 1)), n of each; two
            layers with SiLU between them, and a SiLU before each block's own
  blocks    norm, SiLU, convolution; the time is added; norm, SiLU, dropout and
            convolution; beside them the input, convolved by 1x1 where widths differ
  attention of one head over all places, after each block of the levels that have it
  down      a 3x3 convolution at stride 2, with zeros below and on the right alone
  up        each place becomes four, then a 3x3 convolution; one block more than down
  joined    what comes from below first, then what was kept, the last first
  label     a row of the table is added to the time's vector (Nichol, Dhariwal 2021)
  start     Xavier's uniform; a block's last convolution, attention's last layer and the
            network's are 0, so that at first blocks change nothing; labels normal

Names: time.{fc1,fc2} label conv_in down.{i}.blocks.{j} down.{i}.resample middle.{i}
up.{i}.blocks.{j} up.{i}.resample norm_out conv_out, where i counts as data goes; a
block is {norm1,conv1,time,norm2,conv2,shortcut} attention.{norm,q,k,v,out}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.definitions.diffusion import CosineNoise, LinearNoise
from shared.definitions.initializers import (
    Initializer,
    Normal,
    Ones,
    XavierUniform,
    Zeros,
)
from shared.fields import Depth, Index, Positive, Rate, Size
from shared.specs.base import ConvSpec, Variant
from shared.specs.denoising import DenoiserSpec, Denoising, Guidance, GuidedSpec


@dataclass(frozen=True)
class BlockSpec:
    """Two convolutions, what goes beside them, and whether attention follows."""

    conv1: ConvSpec
    conv2: ConvSpec
    shortcut: ConvSpec | None
    attention: bool

    @classmethod
    def of(cls, c_in: int, c_out: int, attention: bool) -> "BlockSpec":
        shortcut = ConvSpec(c_in, c_out, 1) if c_in != c_out else None
        conv1, conv2 = (ConvSpec.padded(c, c_out, 3) for c in (c_in, c_out))
        return cls(conv1, conv2, shortcut, attention)


@dataclass(frozen=True)
class LevelSpec:
    """Blocks of one size, then a convolution to the next; the last has none."""

    blocks: tuple[BlockSpec, ...]
    resample: ConvSpec | None


@dataclass(frozen=True, kw_only=True)
class DiffusionSpec(DenoiserSpec):
    """widths: the channels of each level, from the top to the bottom.
    blocks: of each level on the way down.
    attention: the levels that have it; the middle always has.
    """

    widths: tuple[Size, ...]
    blocks: Depth = 2
    attention: tuple[Index, ...] = ()
    groups: Size = 32
    gn_eps: Positive = 1e-6
    dropout: Rate = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.widths:
            self.refuse("widths", self.widths, "one level or more")
        if any(width % self.groups for width in self.widths):
            allowed = f"multiples of the {self.groups} groups"
            self.refuse("widths", self.widths, allowed)
        if self.widths[0] < 4 or self.widths[0] % 2:
            allowed = (
                "an even number of at least 4 first: sines and cosines of the time"
            )
            self.refuse("widths", self.widths, allowed)
        halvings = 2 ** (len(self.widths) - 1)
        if self.image_size % halvings:
            allowed = f"a multiple of {halvings}, which is halved below each level"
            self.refuse("image_size", self.image_size, allowed)

    def starts(self) -> Mapping[str, Initializer]:
        last = ("*.conv2.weight", "*.attention.out.weight", "conv_out.weight")
        label = {"label.weight": Normal(std=1.0)} if self.label else {}
        norms = {"*norm*.weight": Ones()}
        others = {"*.weight": XavierUniform()}
        return {**dict.fromkeys(last, Zeros()), **label, **norms, **others}

    def unnamed_products(self) -> int:
        """Two of each attention, of places with places."""
        levels = zip(self.down + self.up, self._sides, strict=True)
        everywhere = [
            (block.conv2.c_out, side)
            for level, side in levels
            for block in level.blocks
            if block.attention
        ]
        bottom = (self.widths[-1], self._sides[len(self.down) - 1])
        return sum(2 * width * side**4 for width, side in [*everywhere, bottom])

    @property
    def time_width(self) -> int:
        return 4 * self.widths[0]

    @property
    def frequencies(self) -> tuple[float, ...]:
        """What the time is multiplied with, of each sine and each cosine."""
        half = self.widths[0] // 2
        return tuple(10000 ** (-i / (half - 1)) for i in range(half))

    @property
    def conv_in(self) -> ConvSpec:
        return ConvSpec.padded(self.channels, self.widths[0], 3)

    @property
    def down(self) -> tuple[LevelSpec, ...]:
        found = []
        sizes = pairwise((self.widths[0], *self.widths))
        for i, (c_in, width) in enumerate(sizes):
            inputs = (c_in, *(width,) * (self.blocks - 1))
            blocks = tuple(BlockSpec.of(c, width, i in self.attention) for c in inputs)
            halve = ConvSpec(width, width, 3, 2, ((0, 1), (0, 1)))
            last = i == len(self.widths) - 1
            found.append(LevelSpec(blocks, None if last else halve))
        return tuple(found)

    @property
    def middle(self) -> tuple[BlockSpec, BlockSpec]:
        width = self.widths[-1]
        return BlockSpec.of(width, width, True), BlockSpec.of(width, width, False)

    @property
    def up(self) -> tuple[LevelSpec, ...]:
        """Gives the levels of the way up, the lowest first."""
        kept, below, found = list(self._kept), self.widths[-1], []
        for i, width in list(enumerate(self.widths))[::-1]:
            blocks = []
            for _ in range(self.blocks + 1):
                attends = i in self.attention
                blocks.append(BlockSpec.of(below + kept.pop(), width, attends))
                below = width
            double = ConvSpec.padded(width, width, 3) if i else None
            found.append(LevelSpec(tuple(blocks), double))
        return tuple(found)

    @property
    def conv_out(self) -> ConvSpec:
        return ConvSpec.padded(self.widths[0], self.channels, 3)

    @property
    def _kept(self) -> tuple[int, ...]:
        """Channels of all that is kept on the way down, in order."""
        found = [self.widths[0]]
        for level in self.down:
            found += [block.conv2.c_out for block in level.blocks]
            found += [level.resample.c_out] if level.resample else []
        return tuple(found)

    @property
    def _sides(self) -> tuple[int, ...]:
        """Sides of the maps of each level, down and up again."""
        sides = [self.image_size // 2**i for i in range(len(self.widths))]
        return (*sides, *sides[::-1])


@dataclass(frozen=True, kw_only=True)
class GuidedDiffusionSpec(GuidedSpec, DiffusionSpec):
    """Makes pictures of a class."""


VARIANTS = {
    "diffusion_tiny": Variant(
        DiffusionSpec(
            channels=2,
            image_size=4,
            widths=(4, 6),
            blocks=1,
            attention=(1,),
            groups=2,
            gn_eps=1e-3,
            dropout=0.25,
            denoising=Denoising(
                noising=LinearNoise(steps=5, first=0.1, last=0.7), ddim_steps=3
            ),
        ),
        7_860,
        "sum over its layers",
        tiny=True,
    ),
    "guided_diffusion_tiny": Variant(
        GuidedDiffusionSpec(
            channels=1,
            image_size=4,
            widths=(6,),
            blocks=1,
            attention=(0,),
            groups=3,
            denoising=Denoising(
                noising=CosineNoise(steps=4), says="velocity", ddim_steps=2
            ),
            guided=Guidance(classes=3, weight=1.5, forgets=0.4),
        ),
        6_709,
        "sum over its layers",
        tiny=True,
    ),
    "ddpm_digits": Variant(
        GuidedDiffusionSpec(
            channels=1,
            image_size=8,
            widths=(16, 32),
            blocks=1,
            attention=(1,),
            groups=8,
            denoising=Denoising(noising=CosineNoise(steps=100), ddim_steps=10),
            guided=Guidance(classes=10),
        ),
        177_553,
        "sum over its layers",
    ),
    "ddpm_cifar10": Variant(
        DiffusionSpec(
            channels=3,
            image_size=32,
            widths=(128, 256, 256, 256),
            attention=(1,),
            dropout=0.1,
        ),
        35_746_307,
        "diffusers' UNet2DModel of google/ddpm-cifar10-32; Ho et al. 2020, appendix B: "
        "35.7 million",
    ),
    "ddpm_celeba_hq": Variant(
        DiffusionSpec(
            channels=3,
            image_size=256,
            widths=(128, 128, 256, 256, 512, 512),
            attention=(4,),
        ),
        113_673_219,
        "diffusers' UNet2DModel of google/ddpm-celebahq-256; Ho et al. 2020, appendix "
        "B: 114 million",
    ),
}

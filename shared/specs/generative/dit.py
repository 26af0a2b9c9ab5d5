"""The diffusion Transformer (DiT: Peebles, Xie 2022, https://arxiv.org/abs/2212.09748):
patches of noise, and a class, through blocks that a vector scales and shifts. Noise,
times and samplers: shared/definitions/diffusion.py, shared/specs/denoising.py.

Settled here because the paper leaves it open, or codes disagree; the authors' code,
https://github.com/facebookresearch/DiT, decides:
  pictures  of 4 channels of 32x32 are the code of another network; they are not clipped
  time      cosines, then sines, of the time over 10000^(i / n), n of each
  positions are no weights: sines, then cosines, of the column, then of the row
  norms     have no weights of their own; a layer for each block makes shift, scale and
            gate from the sum of time and label
  MLP       GELU in its tanh form
  variance  beside the noise comes a second picture, from which the authors make the
            variance of a step; here it is put out, and neither learned nor sampled by
  guidance  of all channels; the authors' code guides the first three of four
  start     Xavier's uniform, the time's layers and the labels normal of 0.02; what
            shifts, scales and gates, and the last layer, is 0: a block changes nothing

Names: patch_embed.proj time.{fc1,fc2} label blocks.{i}.{attn.qkv,attn.proj,mlp.fc1,
mlp.fc2,modulation} head.{modulation,linear}
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from shared.arrays import Array
from shared.definitions.diffusion import LinearNoise
from shared.definitions.initializers import Initializer, Normal, XavierUniform, Zeros
from shared.fields import Depth, Positive, Size
from shared.specs.base import ConvSpec, Tensor, Variant
from shared.specs.denoising import Denoising, Guidance, GuidedSpec


@dataclass(frozen=True, kw_only=True)
class DiTSpec(GuidedSpec):
    """waves: the numbers that tell the time, half of them sines."""

    patch: Size
    width: Size
    depth: Depth
    heads: Size
    mlp_width: Size
    waves: Size = 256
    ln_eps: Positive = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % self.heads or self.width % 4:
            allowed = f"a multiple of 4, and of heads ({self.heads})"
            self.refuse("width", self.width, allowed)
        if self.image_size % self.patch:
            allowed = f"a multiple of patch ({self.patch})"
            self.refuse("image_size", self.image_size, allowed)
        if self.waves % 2:
            self.refuse("waves", self.waves, "an even number")

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (*super().outputs(training), replace(self.image, name="variance"))

    def unnamed_products(self) -> int:
        return 2 * self.depth * self.tokens**2 * self.width

    def starts(self) -> Mapping[str, Initializer]:
        zeros = ("*.modulation.weight", "head.linear.weight")
        return {
            **dict.fromkeys(zeros, Zeros()),
            "time.*.weight": Normal(std=0.02),
            "label.weight": Normal(std=0.02),
            "*.weight": XavierUniform(),
        }

    @property
    def patch_embed(self) -> ConvSpec:
        return ConvSpec(self.channels, self.width, self.patch, self.patch)

    @property
    def side(self) -> int:
        """Patches in a row, and in a column."""
        return self.image_size // self.patch

    @property
    def tokens(self) -> int:
        return self.side**2

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def qkv_width(self) -> int:
        return 3 * self.width

    @property
    def block_modulation(self) -> int:
        """Shift, scale and gate of attention, then of the MLP."""
        return 6 * self.width

    @property
    def head_modulation(self) -> int:
        """Shift and scale."""
        return 2 * self.width

    @property
    def said_channels(self) -> int:
        """Channels of noise and variance."""
        return 2 * self.channels

    @property
    def said_width(self) -> int:
        """What a patch is made of."""
        return self.patch**2 * self.said_channels

    @property
    def frequencies(self) -> tuple[float, ...]:
        half = self.waves // 2
        return tuple(10000 ** (-i / half) for i in range(half))

    @property
    def positions(self) -> Array:
        """A vector for each patch, [T, width]."""
        return _positions(self.side, self.width)


@cache
def _positions(side: int, width: int) -> Array:
    quarter = width // 4
    angles = np.arange(side)[:, None] * 10000 ** (-np.arange(quarter) / quarter)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], -1)  # [side, width / 2]
    rows, columns = np.repeat(waves, side, 0), np.tile(waves, (side, 1))
    return np.concatenate([columns, rows], -1)


_PAPER = "facebookresearch/DiT, its learned tensors"


def _sized(width: int, depth: int, heads: int) -> DiTSpec:
    return DiTSpec(
        channels=4,
        image_size=32,
        denoising=Denoising(limit=None),
        guided=Guidance(classes=1000, weight=0.5),
        patch=2,
        width=width,
        depth=depth,
        heads=heads,
        mlp_width=4 * width,
    )


VARIANTS = {
    "dit_tiny": Variant(
        DiTSpec(
            channels=1,
            image_size=4,
            denoising=Denoising(
                noising=LinearNoise(steps=4, first=0.1, last=0.7),
                ddim_steps=2,
                limit=None,
            ),
            guided=Guidance(classes=3, weight=1.5, forgets=0.4),
            patch=2,
            width=12,
            depth=2,
            heads=3,
            mlp_width=7,
            waves=6,
            ln_eps=1e-3,
        ),
        4_258,
        "sum over its layers",
        tiny=True,
    ),
    "dit_s2": Variant(_sized(384, 12, 6), 32_865_056, _PAPER),
    "dit_b2": Variant(_sized(768, 12, 12), 130_315_808, _PAPER),
    "dit_l2": Variant(_sized(1024, 24, 16), 457_840_672, _PAPER),
    "dit_xl2": Variant(_sized(1152, 28, 16), 674_834_720, _PAPER),
}

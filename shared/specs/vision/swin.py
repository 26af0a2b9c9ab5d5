"""Swin Transformer (Liu et al. 2021, https://arxiv.org/abs/2103.14030), as torchvision
builds it.

Settled here because libraries disagree:
  windows   a map that they do not divide is padded at its end with zeros, behind the
            norm; these tokens are attended to like any other
  shift     by half a window in every second block; along rows or columns of which one
            window has all, by nothing
  mask      tokens that the shift brought together do not see each other; the authors
            take 100 from such a score, here it is minus infinity
  merging   a map of odd size is padded at its end; the four neighbours column by column
  edges     what the 4x4 patches leave over is not seen
  gelu      the exact form; the MLP is four times as wide
  dropout   one rate for attention probabilities, projections and the MLP
  drop_path of the last block; it grows from 0 in equal steps, block by block
  start     normal, of deviation 0.02, for linear layers and tables: the authors cut it
            a hundred deviations away; torch's own for the patches

Names are torchvision's: features.0.{0,2} features.{1,3,..}.{i}.{norm1,norm2}
features.{1,3,..}.{i}.attn.{qkv,proj,relative_position_bias_table}
features.{1,3,..}.{i}.mlp.{0,3} features.{2,4,..}.{norm,reduction} norm head
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.definitions.initializers import Initializer, Normal, of_torch
from shared.fields import Depth, Positive, Rate, Side, Size
from shared.specs.base import ConvSpec, Original, Pair, Spec, Tensor, Variant, image

Array = NDArray[Any]


@dataclass(frozen=True)
class WindowSpec:
    """Square windows over a map of this size; shifted: by half a window."""

    map_size: Pair
    side: int
    shifted: bool

    @property
    def pads(self) -> Pair:
        """Rows and columns that are added at the end."""
        rows, columns = self.map_size
        return -rows % self.side, -columns % self.side

    @property
    def padded(self) -> Pair:
        (rows, columns), (bottom, right) = self.map_size, self.pads
        return rows + bottom, columns + right

    @property
    def grid(self) -> Pair:
        """Windows below and beside each other."""
        rows, columns = self.padded
        return rows // self.side, columns // self.side

    @property
    def count(self) -> int:
        rows, columns = self.grid
        return rows * columns

    @property
    def tokens(self) -> int:
        """Counts the tokens in one window."""
        return self.side**2

    @property
    def shift(self) -> Pair:
        rows, columns = (
            self.side // 2 if self.shifted and count > 1 else 0 for count in self.grid
        )
        return rows, columns

    @property
    def back(self) -> Pair:
        """What undoes the shift, which goes against the order of rows and columns."""
        rows, columns = self.shift
        return -rows, -columns

    @property
    def offsets(self) -> int:
        """How many ways there are from one token of a window to another."""
        return (2 * self.side - 1) ** 2

    @property
    def ways(self) -> Array:
        """Which way leads from one token to another: [tokens, tokens]."""
        return _ways(self.side)

    @property
    def neighbours(self) -> Array:
        """Which tokens of a shifted map see each other: [count, tokens, tokens]."""
        return _neighbours(self)


@functools.cache
def _ways(side: int) -> Array:
    rows, columns = np.divmod(np.arange(side**2), side)
    down, right = (axis[:, None] - axis + side - 1 for axis in (rows, columns))
    return down * (2 * side - 1) + right


@functools.cache
def _neighbours(w: WindowSpec) -> Array:
    rows, columns = (
        _parts(length, w.side, shift)
        for length, shift in zip(w.padded, w.shift, strict=True)
    )
    below, beside = w.grid
    parts = (2 * rows[:, None] + columns).reshape(below, w.side, beside, w.side)
    cut = parts.swapaxes(1, 2).reshape(w.count, w.tokens)
    return cut[:, :, None] == cut[:, None]


def _parts(length: int, side: int, shift: int) -> Array:
    """Two to tell apart: what the shift brought from the beginning to the end."""
    return np.arange(length) >= length - shift


@dataclass(frozen=True)
class BlockSpec:
    """A block is attention within windows, then an MLP.

    inner: the MLP's width; drop_path: of both branches.
    """

    width: int
    heads: int
    inner: int
    drop_path: float
    windows: WindowSpec

    @property
    def qkv_width(self) -> int:
        """Queries, keys and values side by side, in this order."""
        return 3 * self.width

    @property
    def head_width(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class MergeSpec:
    """Two by two neighbours become one."""

    map_size: Pair
    width: int

    @property
    def pads(self) -> Pair:
        rows, columns = self.map_size
        return rows % 2, columns % 2

    @property
    def merged(self) -> Pair:
        rows, columns = self.map_size
        return -(-rows // 2), -(-columns // 2)

    @property
    def c_in(self) -> int:
        return 4 * self.width

    @property
    def c_out(self) -> int:
        return 2 * self.width


@dataclass(frozen=True)
class StageSpec:
    """merges: what stands behind the blocks, nothing in the last stage."""

    blocks: tuple[BlockSpec, ...]
    merges: tuple[MergeSpec, ...]


# What every shifted block holds is as large.
MOST_NEIGHBOURS = 1 << 26


@dataclass(frozen=True, kw_only=True)
class SwinSpec(Spec):
    width: Size = 96  # of the first stage; it doubles with each
    depths: tuple[Depth, ...]
    heads: tuple[Size, ...]
    window: Size = 7
    dropout: Rate = 0.0
    drop_path: Rate
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)
    ln_eps: Positive = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.depths:
            self.refuse("depths", self.depths, "one stage or more")
        if len(self.heads) != len(self.depths):
            self.refuse("heads", self.heads, f"one each of {self.depths}")
        if any(w % h for w, h in zip(self.widths, self.heads, strict=True)):
            self.refuse("heads", self.heads, f"divisors of {self.widths}")
        if min(self.image_size) < self.patches.stride:
            self.refuse("image_size", self.image_size, "at least 4 on each side")
        rows, columns = self.patches.map_size(*self.image_size)
        windows = -(-rows // self.window) * -(-columns // self.window)
        if windows * self.window**4 > MOST_NEIGHBOURS:
            allowed = f"one that leaves {MOST_NEIGHBOURS:,} pairs of tokens in windows"
            self.refuse("window", self.window, allowed)

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def unnamed_products(self) -> int:
        blocks = [b for s in self.stages for b in s.blocks]
        return sum(2 * b.windows.count * b.windows.tokens**2 * b.width for b in blocks)

    def starts(self) -> Mapping[str, Initializer]:
        normal = Normal(std=0.02)
        return {
            "features.0.0.*": of_torch(self.patches.inputs),
            "features.*.attn.*.weight": normal,
            "features.*.attn.relative_position_bias_table": normal,
            "features.*.mlp.*.weight": normal,
            "features.*.reduction.weight": normal,
            "head.weight": normal,
        }

    @property
    def patches(self) -> ConvSpec:
        return ConvSpec(3, self.width, 4, 4)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(self.width * 2**stage for stage in range(len(self.depths)))

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        map_size, number, stages = self.patches.map_size(*self.image_size), 0, []
        for stage, depth in enumerate(self.depths):
            blocks = tuple(
                self._block(stage, i, number + i, map_size) for i in range(depth)
            )
            last = stage == len(self.depths) - 1
            merge = MergeSpec(map_size, self.widths[stage])
            stages.append(StageSpec(blocks, () if last else (merge,)))
            map_size, number = merge.merged, number + depth
        return tuple(stages)

    def _block(self, stage: int, i: int, number: int, map_size: Pair) -> BlockSpec:
        width = self.widths[stage]
        drop_path = self.drop_path * number / max(sum(self.depths) - 1, 1)
        windows = WindowSpec(map_size, self.window, shifted=i % 2 == 1)
        return BlockSpec(width, self.heads[stage], 4 * width, drop_path, windows)

    @property
    def c_out(self) -> int:
        return self.widths[-1]


_TORCHVISION = "torchvision 0.28.0"
VARIANTS = {
    "swin_tiny": Variant(
        SwinSpec(
            width=6,
            depths=(2, 2),
            heads=(2, 3),
            window=3,
            dropout=0.2,
            drop_path=0.3,
            num_classes=5,
            image_size=(39, 26),
            ln_eps=1e-3,
        ),
        5_769,
        "sum over its layers",
        tiny=True,
    ),
    "swin_t": Variant(
        SwinSpec(depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), drop_path=0.2),
        28_288_354,
        _TORCHVISION,
    ),
    "swin_s": Variant(
        SwinSpec(depths=(2, 2, 18, 2), heads=(3, 6, 12, 24), drop_path=0.3),
        49_606_258,
        _TORCHVISION,
    ),
    "swin_b": Variant(
        SwinSpec(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), drop_path=0.5),
        87_768_224,
        _TORCHVISION,
    ),
}

ORACLES = (
    Original(
        "torchvision",
        "small_swin",
        "torchvision's SwinTransformer, of two stages",
        SwinSpec(
            width=10,
            depths=(3, 2),
            heads=(2, 5),
            window=5,
            drop_path=0.0,
            num_classes=11,
            image_size=(52, 65),
        ),
    ),
)

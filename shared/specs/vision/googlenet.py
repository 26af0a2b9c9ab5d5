"""GoogLeNet, twice: as published (Szegedy et al. 2014, https://arxiv.org/abs/1409.4842,
table 1), and with batch norm, as torchvision builds it.

Settled here because the paper and its ports disagree:
  pooling   a last window that ends outside the map counts (ceil); only so the maps have
            the sizes of table 1
  mean      over the whole last map: 7x7 at the paper's size
  outputs   in training those of the auxiliary heads too, the first before the second;
            torchvision has them the other way round

As published:
  norm      local response normalisation behind the first pooling and before the
            second, x / (k + alpha * the sum over 5 maps)^beta. The paper gives no
            numbers; these are those of its port to Caffe, bvlc_googlenet, where
            alpha is 1e-4 divided by the 5 maps
  heads     means of 5x5 at stride 3, so their sizes follow from the image's
  start     that port's: uniform with variance 1 / fan-in; biases of 0.2, and of 0 in
            the layers of classes

With batch norm:
  5x5       the convolutions of the third branch are 3x3 in truth
  pooling   2x2 in front of the last stage
  heads     adaptive means of 4x4, so images of all sizes fit
  bn_decay  the share of the OLD running value that is kept
  start     normal of deviation 0.01 (torchvision cuts it at 200 deviations); biases are
            torch's own

Names are torchvision's, in both: conv{1..3} inception{3..5}{a..e}.branch{1..4} aux{1,2}
fc. A unit of a branch is {conv} or {conv,bn}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from shared.definitions.initializers import (
    Constant,
    Initializer,
    LeCunUniform,
    Normal,
    of_torch,
)
from shared.definitions.losses import CrossEntropy
from shared.fields import Index, Positive, Rate, Side, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import (
    ConvSpec,
    Original,
    Pair,
    Pool,
    Spec,
    Tensor,
    Variant,
    image,
)

# A row of table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj.
_Row = tuple[Size, Size, Size, Size, Size, Size]
_Rows = tuple[_Row, ...]


@dataclass(frozen=True)
class HeadSpec:
    """An auxiliary classifier. pool: a window, or rows and columns that are left."""

    name: str
    pool: Pool | Pair
    conv: ConvSpec
    linears: tuple[Pair, Pair]


@dataclass(frozen=True)
class BlockSpec:
    """An inception module (figure 2b). head: the one that sees what it puts out."""

    name: str
    branch1: ConvSpec
    branch2: tuple[ConvSpec, ConvSpec]
    branch3: tuple[ConvSpec, ConvSpec]
    branch4: tuple[Pool, ConvSpec]
    head: HeadSpec | None

    @property
    def c_out(self) -> int:
        lasts = (self.branch1, self.branch2[-1], self.branch3[-1], self.branch4[-1])
        return sum(c.c_out for c in lasts)


@dataclass(frozen=True)
class StageSpec:
    """A stage is a pooling and its blocks. pool: in front of the blocks."""

    pool: Pool
    blocks: tuple[BlockSpec, ...]


@dataclass(frozen=True, kw_only=True)
class _Table(Spec):
    """What both have."""

    stem: tuple[Size, Size, Size] = (64, 64, 192)
    rows: tuple[_Rows, _Rows, _Rows] = (
        ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
        (
            (192, 96, 208, 16, 48, 64),
            (160, 112, 224, 24, 64, 64),
            (128, 128, 256, 24, 64, 64),
            (112, 144, 288, 32, 64, 64),
            (256, 160, 320, 32, 128, 128),
        ),
        ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
    )
    heads: tuple[Index, ...] = (0, 3)  # behind which blocks of the middle stage
    head_widths: tuple[Size, Size] = (128, 1024)
    dropout: Rate
    head_dropout: Rate = 0.7
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (224, 224)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not all(1 <= len(rows) <= len(ascii_lowercase) for rows in self.rows):
            self.refuse("rows", self.rows, "1 to 26 blocks in each stage")
        middle = range(len(self.rows[1]))
        if list(self.heads) != sorted({*self.heads} & {*middle}):
            self.refuse("heads", self.heads, f"places below {len(middle)}, in order")
        if min(self._map_size(3)) < 1:
            least = 15 if self.batch_norm else 31
            self.refuse("image_size", self.image_size, f"at least {least} each way")

    # What tells the two apart

    @property
    def batch_norm(self) -> bool:
        raise NotImplementedError

    @property
    def five(self) -> int:
        """The kernel of what table 1 calls 5x5."""
        raise NotImplementedError

    @property
    def last_pool(self) -> Pool:
        raise NotImplementedError

    @property
    def head_pool(self) -> Pool | Pair:
        raise NotImplementedError

    # What follows

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        heads = [f"aux{i + 1}" for i in range(len(self.heads) * training)]
        return tuple(Tensor(name, (self.num_classes,)) for name in ("logits", *heads))

    def objective(self) -> Supervised:
        """Auxiliary losses weigh 0.3 (section 5)."""
        heads = (1.0, *(0.3,) * len(self.heads))
        return Supervised(loss=CrossEntropy(), heads=heads)

    @property
    def stem_convs(self) -> tuple[ConvSpec, ConvSpec, ConvSpec]:
        c1, c2, c3 = self.stem
        return (
            self._conv(3, c1, 7, 2),
            self._conv(c1, c2, 1),
            self._conv(c2, c3, 3),
        )

    @property
    def pool(self) -> Pool:
        """Behind the first convolution, and in front of the stages but the last."""
        return Pool(3, 2, ceil=True)

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        c_in, found = self.stem[-1], []
        pools = (self.pool, self.pool, self.last_pool)
        for stage, (pool, rows) in enumerate(zip(pools, self.rows, strict=True)):
            blocks = []
            for i, row in enumerate(rows):
                name = f"inception{3 + stage}{ascii_lowercase[i]}"
                head = ""
                if stage == 1 and i in self.heads:
                    head = f"aux{self.heads.index(i) + 1}"
                blocks.append(self._block(name, c_in, row, head))
                c_in = blocks[-1].c_out
            found.append(StageSpec(pool, tuple(blocks)))
        return tuple(found)

    @property
    def c_out(self) -> int:
        return self.stages[-1].blocks[-1].c_out

    def _block(self, name: str, c_in: int, row: _Row, head: str) -> BlockSpec:
        one, three_in, three, five_in, five, pooled = row
        c_out = one + three + five + pooled
        return BlockSpec(
            name,
            self._conv(c_in, one, 1),
            (self._conv(c_in, three_in, 1), self._conv(three_in, three, 3)),
            (self._conv(c_in, five_in, 1), self._conv(five_in, five, self.five)),
            (Pool(3, 1, 1), self._conv(c_in, pooled, 1)),
            self._head(head, c_out) if head else None,
        )

    def _head(self, name: str, c_in: int) -> HeadSpec:
        width, hidden = self.head_widths
        rows, columns = self.head_map
        linears = ((width * rows * columns, hidden), (hidden, self.num_classes))
        return HeadSpec(name, self.head_pool, self._conv(c_in, width, 1), linears)

    @property
    def head_map(self) -> Pair:
        """Rows and columns of what a head flattens."""
        pool = self.head_pool
        return pool.map_size(*self._map_size(2)) if isinstance(pool, Pool) else pool

    def _conv(self, c_in: int, c_out: int, k: int, stride: int = 1) -> ConvSpec:
        return ConvSpec.padded(c_in, c_out, k, stride, bias=not self.batch_norm)

    def _map_size(self, stage: int) -> Pair:
        """Rows and columns of the maps of the first, second or third stage."""
        sizes = self.stem_convs[0].map_size(*self.image_size)
        pools = (self.pool, self.pool, self.pool, self.last_pool)
        for pool in pools[: stage + 1]:
            sizes = pool.map_size(*sizes)
        return sizes


@dataclass(frozen=True, kw_only=True)
class GoogLeNetSpec(_Table):
    """GoogLeNet with batch norm, as torchvision builds it."""

    dropout: Rate = 0.2
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.9

    def starts(self) -> Mapping[str, Initializer]:
        rows, columns = self.head_map
        width, hidden = self.head_widths
        return {
            "*.conv.weight": Normal(std=0.01),
            "*fc*.weight": Normal(std=0.01),
            "fc.bias": of_torch(self.c_out),
            "aux?.fc1.bias": of_torch(width * rows * columns),
            "aux?.fc2.bias": of_torch(hidden),
        }

    @property
    def batch_norm(self) -> bool:
        return True

    @property
    def five(self) -> int:
        return 3

    @property
    def last_pool(self) -> Pool:
        return Pool(2, 2, ceil=True)

    @property
    def head_pool(self) -> Pair:
        return 4, 4


@dataclass(frozen=True, kw_only=True)
class PlainGoogLeNetSpec(_Table):
    """GoogLeNet as it was published."""

    dropout: Rate = 0.4
    lrn_size: Size = 5
    lrn_alpha: Positive = 1e-4 / 5
    lrn_beta: Positive = 0.75
    lrn_k: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lrn_size % 2 == 0:
            self.refuse("lrn_size", self.lrn_size, "an odd number")
        if self.heads and min(self.head_map) < 1:
            allowed = "at least 79 each way where there are auxiliary heads"
            self.refuse("image_size", self.image_size, allowed)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "*.weight": LeCunUniform(),
            "*.conv.bias": Constant(value=0.2),
            "*.fc1.bias": Constant(value=0.2),
        }

    @property
    def batch_norm(self) -> bool:
        return False

    @property
    def five(self) -> int:
        return 5

    @property
    def last_pool(self) -> Pool:
        return self.pool

    @property
    def head_pool(self) -> Pool:
        return Pool(5, 3)


_TINY = GoogLeNetSpec(
    stem=(5, 4, 7),
    rows=(
        ((3, 4, 5, 2, 6, 1),),
        ((2, 3, 4, 5, 3, 2), (4, 2, 3, 3, 2, 5)),
        ((3, 5, 4, 2, 3, 4),),
    ),
    heads=(0, 1),
    head_widths=(3, 11),
    dropout=0.3,
    head_dropout=0.4,
    num_classes=6,
    image_size=(53, 81),
    bn_eps=2e-3,
    bn_decay=0.8,
)
_TINY_PLAIN = PlainGoogLeNetSpec(
    stem=(6, 5, 8),
    rows=(((3, 4, 5, 2, 6, 1),), ((2, 3, 4, 5, 3, 2),), ((3, 5, 4, 2, 3, 4),)),
    heads=(0,),
    head_widths=(3, 7),
    dropout=0.3,
    head_dropout=0.4,
    num_classes=5,
    image_size=(81, 129),
    lrn_size=3,
    lrn_alpha=0.2,
    lrn_beta=0.6,
    lrn_k=1.5,
)
_SUM = "sum over its layers"
_TORCHVISION = "torchvision 0.28.0"
_TABLE_1 = "sum over the layers of table 1"
VARIANTS = {
    "googlenet_tiny": Variant(_TINY, 4_071, _SUM, tiny=True),
    "googlenet_tiny_plain": Variant(_TINY_PLAIN, 3_259, _SUM, tiny=True),
    "googlenet": Variant(GoogLeNetSpec(), 13_004_888, _TORCHVISION),
    "googlenet_no_aux": Variant(GoogLeNetSpec(heads=()), 6_624_904, _TORCHVISION),
    "googlenet_plain": Variant(PlainGoogLeNetSpec(), 13_378_280, _TABLE_1),
    "googlenet_plain_no_aux": Variant(
        PlainGoogLeNetSpec(heads=()), 6_998_552, _TABLE_1
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "googlenet_no_aux",
        "torchvision's googlenet_no_aux",
        VARIANTS["googlenet_no_aux"],
        image_size=(64, 81),
        dropout=0.0,
    ),
)

"""Inception v3 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567), as its authors'
weights have it.

Settled here because paper and ports disagree:
  widths    those of the weights, where the paper's tables and figures have others
  padding   in the branches none at stride 2, else symmetric
  mean      counts the padding as zeros
  head      has batch norm and a kernel of 5x5, or of the map's size where that is
            smaller; in training its output is the second
  bn_decay  the share of the OLD running value that is kept
  start     normal of deviation 0.1, and of 0.01 and 0.001 at the end of the head
            (torchvision cuts them at 20 deviations and more)

Names are torchvision's. Each unit is {conv,bn}.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from shared.definitions.initializers import Initializer, Normal, of_torch
from shared.definitions.losses import CrossEntropy
from shared.fields import Positive, Rate, Ratio, Side, Size
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

HALF, MEAN = Pool(3, 2), Pool(3, 1, 1)
_HEAD = Pool(5, 3)
_NARROW = Pool(3, 1)  # what a convolution of 3x3 without padding leaves of a map
_LETTERS = ascii_lowercase[1:]  # a stage's first letter is that of what stands before

Chain = tuple[ConvSpec, ...]
# Width and kernel of a convolution; with a stride it is not padded.
Wanted = tuple[int, int | Pair] | tuple[int, int | Pair, int]


@dataclass(frozen=True)
class MixedSpec:
    """Branches side by side, each by its convolutions in order; what they put out is
    concatenated, with what a pooling puts out beside them: `c_out` maps in all."""

    branches: tuple[Chain, ...]
    c_out: int


@dataclass(frozen=True)
class HeadSpec:
    """An auxiliary classifier."""

    pool: Pool
    conv0: ConvSpec
    conv1: ConvSpec
    linear: Pair


@dataclass(frozen=True, kw_only=True)
class InceptionBase(Spec):
    """What the Inceptions share. width: of every layer, to the published one."""

    width: Ratio = 1.0
    dropout: Rate
    num_classes: Size = 1000
    image_size: tuple[Side, Side] = (299, 299)
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.map_sizes[-1]) < 1:
            self.refuse("image_size", self.image_size, "at least 75 each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    @property
    def stem(self) -> Chain:
        """Gives the first convolutions; a maximum follows the third and the fifth."""
        return self.convs(3, (32, 3, 2), (32, 3, 1), (64, 3), (80, 1), (192, 3, 1))

    @property
    def map_sizes(self) -> tuple[Pair, Pair, Pair]:
        """Rows and columns of the stages' maps: 35, 17 and 8 each way of 299."""
        sizes, found = self.image_size, []
        for c in self.stem[:3]:
            sizes = c.map_size(*sizes)
        sizes = _NARROW.map_size(*HALF.map_size(*sizes))
        for _ in range(3):
            sizes = HALF.map_size(*sizes)
            found.append(sizes)
        return found[0], found[1], found[2]

    def scaled(self, width: int) -> int:
        return max(1, int(self.width * width))

    def convs(self, c_in: int, *wanted: Wanted) -> Chain:
        """Chain convolutions, one after the other."""
        found = []
        for width, k, *stride in wanted:
            c_out = self.scaled(width)
            if stride:
                found.append(ConvSpec(c_in, c_out, k, stride[0], bias=False))
            else:
                found.append(ConvSpec.padded(c_in, c_out, k, bias=False))
            c_in = c_out
        return tuple(found)

    def mixed(
        self, c_in: int, *branches: tuple[Wanted, ...], pooled: int = 0
    ) -> MixedSpec:
        """Put branches side by side. pooled: the maps of a pooling that stands beside
        them."""
        chains = tuple(self.convs(c_in, *branch) for branch in branches)
        return MixedSpec(chains, sum(chain[-1].c_out for chain in chains) + pooled)

    def forked(self, c_in: int, *wanted: Wanted, width: int) -> Chain:
        """The last two stand side by side, of what the others put out: 1x3, 3x1."""
        chain = self.convs(c_in, *wanted)
        (one,) = self.convs(chain[-1].c_out, (width, (1, 3)))
        (two,) = self.convs(chain[-1].c_out, (width, (3, 1)))
        return *chain, one, two


@dataclass(frozen=True, kw_only=True)
class InceptionV3Spec(InceptionBase):
    """The blocks A and C are given by the width behind the pooling of each A, and the
    inner width of each C; E by their number."""

    a: tuple[Size, ...] = (32, 64, 64)
    c: tuple[Size, ...] = (128, 160, 160, 192)
    e: Size = 2
    head: bool = True
    dropout: Rate = 0.5

    def __post_init__(self) -> None:
        for field, number in (("a", len(self.a)), ("c", len(self.c)), ("e", self.e)):
            if number > len(_LETTERS):
                self.refuse(field, getattr(self, field), "up to 25 blocks")
        super().__post_init__()
        if self.head and min(self._head_map) < 1:
            allowed = "at least 107 each way where there is an auxiliary head"
            self.refuse("image_size", self.image_size, allowed)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        logits = Tensor("logits", (self.num_classes,))
        if training and self.head:
            return logits, Tensor("aux", (self.num_classes,))
        return (logits,)

    def objective(self) -> Supervised:
        """The auxiliary loss weighs 0.4, as in its published training."""
        heads = (1.0, 0.4) if self.head else (1.0,)
        return Supervised(loss=CrossEntropy(), heads=heads)

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "AuxLogits.conv1.conv.weight": Normal(std=0.01),
            "AuxLogits.fc.weight": Normal(std=0.001),
            "AuxLogits.fc.bias": of_torch(self.scaled(768)),
            "*.conv.weight": Normal(std=0.1),
            "fc.weight": Normal(std=0.1),
            "fc.bias": of_torch(self.c_out),
        }

    @property
    def mixed_5(self) -> dict[str, MixedSpec]:
        """The blocks A, each after the other."""
        c_in = self.stem[-1].c_out
        return _named("Mixed_5", c_in, [(self._a, width) for width in self.a])

    @property
    def mixed_6a(self) -> MixedSpec:
        """Figure 10."""
        c_in = _last(self.mixed_5, self.stem[-1].c_out)
        double: tuple[Wanted, ...] = ((64, 1), (96, 3), (96, 3, 2))
        return self.mixed(c_in, ((384, 3, 2),), double, pooled=c_in)

    @property
    def mixed_6(self) -> dict[str, MixedSpec]:
        """The blocks C."""
        c_in = self.mixed_6a.c_out
        return _named("Mixed_6", c_in, [(self._c, width) for width in self.c])

    @property
    def mixed_7a(self) -> MixedSpec:
        c_in = self._seen
        last: tuple[Wanted, ...] = ((192, 1), (192, (1, 7)), (192, (7, 1)))
        branches = ((192, 1), (320, 3, 2)), (*last, (192, 3, 2))
        return self.mixed(c_in, *branches, pooled=c_in)

    @property
    def mixed_7(self) -> dict[str, MixedSpec]:
        """The blocks E."""
        return _named("Mixed_7", self.mixed_7a.c_out, [(self._e, 384)] * self.e)

    @property
    def c_out(self) -> int:
        return _last(self.mixed_7, self.mixed_7a.c_out)

    @property
    def aux(self) -> HeadSpec:
        """The auxiliary classifier."""
        rows, columns = self._head_map
        kernel = min(5, rows), min(5, columns)
        conv0, conv1 = self.convs(self._seen, (128, 1), (768, kernel, 1))
        return HeadSpec(_HEAD, conv0, conv1, (conv1.c_out, self.num_classes))

    @property
    def _seen(self) -> int:
        """The width of what the auxiliary classifier sees."""
        return _last(self.mixed_6, self.mixed_6a.c_out)

    @property
    def _head_map(self) -> Pair:
        return _HEAD.map_size(*self.map_sizes[1])

    def _a(self, c_in: int, pooled: int) -> MixedSpec:
        """Build figure 5; of its two branches with 3x3, one has 5x5."""
        return self.mixed(
            c_in,
            ((64, 1),),
            ((48, 1), (64, 5)),
            ((64, 1), (96, 3), (96, 3)),
            ((pooled, 1),),
        )

    def _c(self, c_in: int, w: int) -> MixedSpec:
        """Build figure 6 with n = 7."""
        row, column = (1, 7), (7, 1)
        return self.mixed(
            c_in,
            ((192, 1),),
            ((w, 1), (w, row), (192, column)),
            ((w, 1), (w, column), (w, row), (w, column), (192, row)),
            ((192, 1),),
        )

    def _e(self, c_in: int, width: int) -> MixedSpec:
        """Build figure 7."""
        one, pooled = self.convs(c_in, (320, 1)), self.convs(c_in, (192, 1))
        three = self.forked(c_in, (384, 1), width=width)
        double = self.forked(c_in, (448, 1), (384, 3), width=width)
        ends = (*one, *three[-2:], *double[-2:], *pooled)
        return MixedSpec((one, three, double, pooled), sum(c.c_out for c in ends))


def _named(
    stage: str, c_in: int, blocks: list[tuple[Callable[[int, int], MixedSpec], int]]
) -> dict[str, MixedSpec]:
    found = {}
    for letter, (block, width) in zip(_LETTERS, blocks, strict=False):
        found[stage + letter] = block(c_in, width)
        c_in = found[stage + letter].c_out
    return found


def _last(blocks: Mapping[str, MixedSpec], c_in: int) -> int:
    """The width behind blocks that see `c_in` maps."""
    return [c_in, *(block.c_out for block in blocks.values())][-1]


VARIANTS = {
    "inception_v3_tiny": Variant(
        InceptionV3Spec(
            a=(50,),
            c=(144,),
            e=1,
            width=1 / 16,
            dropout=0.3,
            num_classes=6,
            image_size=(107, 155),
            bn_eps=0.03,
            bn_decay=0.8,
        ),
        41_362,
        "sum over its layers",
        tiny=True,
    ),
    "inception_v3": Variant(InceptionV3Spec(), 27_161_264, "torchvision 0.28.0"),
    "inception_v3_no_aux": Variant(
        InceptionV3Spec(head=False), 23_834_568, "torchvision 0.28.0"
    ),
}

ORACLES = (
    Original.of(
        "torchvision",
        "inception_v3_no_aux",
        "torchvision's inception_v3_no_aux",
        VARIANTS["inception_v3_no_aux"],
        image_size=(75, 91),
        dropout=0.0,
    ),
)

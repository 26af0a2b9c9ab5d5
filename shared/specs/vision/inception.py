"""Inception v3 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567), Inception v4
and Inception-ResNet v2 (Szegedy et al. 2016, https://arxiv.org/abs/1602.07261), as
their authors' weights have them.

Settled here because papers and ports disagree:
  stem      Inception-ResNet has that of v3, not v4's as in the second paper's figure 3
  widths    those of the weights, where the papers' tables and figures have others
  padding   in the branches none at stride 2, else symmetric
  mean      v3's counts the padding as zeros, that of the two others does not
  scale     one for all residuals of a stage (section 3.3 of the second paper); the last
            block has neither a scale nor a ReLU
  dropout   0.2 in front of the last layer of the second paper's; timm has none
  head      v3's has batch norm and a kernel of 5x5, or of the map's size where that is
            smaller; in training its output is the second
  bn_decay  the share of the OLD running value that is kept
  start     v3: normal of deviation 0.1, and of 0.01 and 0.001 at the end of the head
            (torchvision cuts them at 20 deviations and more); the others: torch's own

Names are torchvision's for v3, timm's for the others. Each unit is {conv,bn}.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from string import ascii_lowercase
from typing import TypeAlias, Union

from shared.definitions.initializers import HeUniform, Initializer, Normal, of_torch
from shared.definitions.losses import CrossEntropy
from shared.fields import Positive, Rate, Size
from shared.objectives.supervised import Supervised
from shared.specs.base import ConvSpec, Pair, Pool, Spec, Tensor, Variant, image


@dataclass(frozen=True)
class MeanPool(Pool):
    """A mean in the place of the maximum."""


Layer: TypeAlias = Union[ConvSpec, Pool, "MixedSpec", tuple["Layer", ...]]
Part = tuple[str, Layer]  # an attribute and what it is


@dataclass(frozen=True)
class Branch:
    """chain: one after the other. ends: side by side, of what the chain gives."""

    chain: tuple[Part, ...]
    ends: tuple[Part, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.chain + self.ends


@dataclass(frozen=True)
class MixedSpec:
    """Branches side by side; what they give is concatenated."""

    branches: tuple[Branch, ...]
    c_out: int


@dataclass(frozen=True)
class ResidualSpec(MixedSpec):
    """projection: of all branches back to the width of the input."""

    projection: ConvSpec
    scale: float
    activation: str


@dataclass(frozen=True)
class HeadSpec:
    """An auxiliary classifier."""

    pool: MeanPool
    conv0: ConvSpec
    conv1: ConvSpec
    linear: Pair


HALF, MEAN, MEAN_INSIDE = (
    Pool(3, 2),
    MeanPool(3, 1, 1),
    MeanPool(3, 1, 1, count_pads=False),
)
# Width and kernel of a convolution; with a stride it is not padded.
_Wanted = tuple[int, int | Pair] | tuple[int, int | Pair, int]


def width_after(layer: Layer, c_in: int) -> int:
    """Of what it puts out."""
    if isinstance(layer, Pool):
        return c_in
    if isinstance(layer, tuple):
        for one in layer:
            c_in = width_after(one, c_in)
        return c_in
    return layer.c_out


def size_after(layer: Layer, rows: int, columns: int) -> Pair:
    """Of what it puts out."""
    if isinstance(layer, ConvSpec | Pool):
        return layer.map_size(rows, columns)
    if isinstance(layer, MixedSpec):
        (_, end), *_ = layer.branches[0].ends
        layer = (*(one for _, one in layer.branches[0].chain), end)
    for one in layer:
        rows, columns = size_after(one, rows, columns)
    return rows, columns


def _layers(parts: tuple[Part, ...]) -> Layer:
    return tuple(layer for _, layer in parts)


def _line(name: str, *layers: Layer) -> Branch:
    """One attribute for all layers of the branch."""
    return Branch((), ((name, layers[0] if len(layers) == 1 else layers),))


def _mixed(c_in: int, *branches: Branch) -> MixedSpec:
    widths = []
    for branch in branches:
        inner = width_after(_layers(branch.chain), c_in)
        widths += [width_after(end, inner) for _, end in branch.ends]
    return MixedSpec(branches, sum(widths))


@dataclass(frozen=True, kw_only=True)
class _Inception(Spec):
    """What all have. width: of every layer, to the published one."""

    width: Positive = 1.0
    dropout: Rate
    num_classes: Size = 1000
    image_size: tuple[Size, Size] = (299, 299)
    bn_eps: Positive = 1e-3
    bn_decay: Rate = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(size_after(_layers(self.trunk), *self.image_size)) < 1:
            self.refuse("image_size", self.image_size, "at least 75 each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(3, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    @property
    def trunk(self) -> tuple[Part, ...]:
        """All in front of the mean over the map."""
        raise NotImplementedError

    @property
    def c_out(self) -> int:
        return width_after(_layers(self.trunk), 3)

    def _scaled(self, width: int) -> int:
        return max(1, int(self.width * width))

    def _convs(self, c_in: int, *wanted: _Wanted) -> tuple[ConvSpec, ...]:
        found = []
        for width, k, *stride in wanted:
            c_out = self._scaled(width)
            if stride:
                found.append(ConvSpec(c_in, c_out, k, stride[0], bias=False))
            else:
                found.append(ConvSpec.padded(c_in, c_out, k, bias=False))
            c_in = c_out
        return tuple(found)

    def _flat(
        self, c_in: int, name: str, *wanted: _Wanted, first: int = 1, fork: int = 0
    ) -> Branch:
        """An attribute for each convolution, numbered from `first`.

        fork: the width of 1x3 and 3x1 side by side at the end, or 0 for none.
        """
        convs = self._convs(c_in, *wanted)
        chain = tuple((f"{name}_{first + i}", c) for i, c in enumerate(convs))
        if not fork:
            return Branch(chain[:-1], chain[-1:])
        last = f"{name}_{first + len(convs)}"
        one, two = (
            self._convs(convs[-1].c_out, (fork, k))[0] for k in ((1, 3), (3, 1))
        )
        return Branch(chain, ((f"{last}a", one), (f"{last}b", two)))

    def _stem(self, *names: str) -> tuple[Part, ...]:
        """v3's."""
        one, two, three = self._convs(3, (32, 3, 2), (32, 3, 1), (64, 3))
        four, five = self._convs(three.c_out, (80, 1), (192, 3, 1))
        layers = (one, two, three, HALF, four, five, HALF)
        return tuple(zip(names, layers, strict=True))


@dataclass(frozen=True, kw_only=True)
class InceptionV3Spec(_Inception):
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
        names = ("logits", "aux")[: 1 + (training and self.head)]
        return tuple(Tensor(name, (self.num_classes,)) for name in names)

    def objective(self) -> Supervised:
        """The auxiliary loss weighs 0.4, as in its published training."""
        return Supervised(loss=CrossEntropy(), heads=(1.0, 0.4)[: 1 + self.head])

    def starts(self) -> Mapping[str, Initializer]:
        return {
            "AuxLogits.conv1.conv.weight": Normal(std=0.01),
            "AuxLogits.fc.weight": Normal(std=0.001),
            "AuxLogits.fc.bias": of_torch(self._scaled(768)),
            "*.conv.weight": Normal(std=0.1),
            "fc.weight": Normal(std=0.1),
            "fc.bias": of_torch(self.c_out),
        }

    @property
    def trunk(self) -> tuple[Part, ...]:
        return self.lower + self.upper

    @property
    def lower(self) -> tuple[Part, ...]:
        """Up to where the auxiliary head sees it."""
        stem = self._stem(
            "Conv2d_1a_3x3",
            "Conv2d_2a_3x3",
            "Conv2d_2b_3x3",
            "maxpool1",
            "Conv2d_3b_1x1",
            "Conv2d_4a_3x3",
            "maxpool2",
        )
        c_in = self._scaled(192)
        blocks: list[tuple[str, MixedSpec]] = []
        for letter, pooled in zip(_LETTERS, self.a, strict=False):
            blocks.append((f"Mixed_5{letter}", self._a(c_in, pooled)))
            c_in = blocks[-1][1].c_out
        blocks.append(("Mixed_6a", self._b(c_in)))
        c_in = blocks[-1][1].c_out
        for letter, inner in zip(_LETTERS, self.c, strict=False):
            blocks.append((f"Mixed_6{letter}", self._c(c_in, inner)))
            c_in = blocks[-1][1].c_out
        return (*stem, *blocks)

    @property
    def upper(self) -> tuple[Part, ...]:
        blocks = [("Mixed_7a", self._d(width_after(_layers(self.lower), 3)))]
        for letter in _LETTERS[: self.e]:
            blocks.append((f"Mixed_7{letter}", self._e(blocks[-1][1].c_out)))
        return tuple(blocks)

    @property
    def heads(self) -> tuple[HeadSpec, ...]:
        """The one, or none."""
        rows, columns = self._head_map
        kernel = min(5, rows), min(5, columns)
        (conv0,) = self._convs(width_after(_layers(self.lower), 3), (128, 1))
        (conv1,) = self._convs(conv0.c_out, (768, kernel, 1))
        head = HeadSpec(_HEAD, conv0, conv1, (conv1.c_out, self.num_classes))
        return (head,) * self.head

    @property
    def _head_map(self) -> Pair:
        return _HEAD.map_size(*size_after(_layers(self.lower), *self.image_size))

    def _pooled(self, c_in: int, width: int) -> Branch:
        (c,) = self._convs(c_in, (width, 1))
        return Branch((("pool", MEAN),), (("branch_pool", c),))

    def _one(self, c_in: int, width: int) -> Branch:
        return _line("branch1x1", *self._convs(c_in, (width, 1)))

    def _a(self, c_in: int, pooled: int) -> MixedSpec:
        """Figure 5; of its two branches with 3x3, one has 5x5."""
        return _mixed(
            c_in,
            self._one(c_in, 64),
            self._flat(c_in, "branch5x5", (48, 1), (64, 5)),
            self._flat(c_in, "branch3x3dbl", (64, 1), (96, 3), (96, 3)),
            self._pooled(c_in, pooled),
        )

    def _b(self, c_in: int) -> MixedSpec:
        """Figure 10."""
        return _mixed(
            c_in,
            _line("branch3x3", *self._convs(c_in, (384, 3, 2))),
            self._flat(c_in, "branch3x3dbl", (64, 1), (96, 3), (96, 3, 2)),
            _line("branch_pool", HALF),
        )

    def _c(self, c_in: int, w: int) -> MixedSpec:
        """Figure 6 with n = 7."""
        row, column = (1, 7), (7, 1)
        twice = ((w, 1), (w, column), (w, row), (w, column), (192, row))
        return _mixed(
            c_in,
            self._one(c_in, 192),
            self._flat(c_in, "branch7x7", (w, 1), (w, row), (192, column)),
            self._flat(c_in, "branch7x7dbl", *twice),
            self._pooled(c_in, 192),
        )

    def _d(self, c_in: int) -> MixedSpec:
        last = ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2))
        return _mixed(
            c_in,
            self._flat(c_in, "branch3x3", (192, 1), (320, 3, 2)),
            self._flat(c_in, "branch7x7x3", *last),
            _line("branch_pool", HALF),
        )

    def _e(self, c_in: int) -> MixedSpec:
        """Figure 7."""
        return _mixed(
            c_in,
            self._one(c_in, 320),
            self._flat(c_in, "branch3x3", (384, 1), fork=384),
            self._flat(c_in, "branch3x3dbl", (448, 1), (384, 3), fork=384),
            self._pooled(c_in, 192),
        )


@dataclass(frozen=True, kw_only=True)
class InceptionV4Spec(_Inception):
    """depths: of the blocks A, B and C (figure 9)."""

    depths: tuple[Size, Size, Size] = (4, 7, 3)
    dropout: Rate = 0.2

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.conv.weight": _OF_TORCH, "last_linear.*": of_torch(self.c_out)}

    @property
    def trunk(self) -> tuple[Part, ...]:
        return (("features", self.features),)

    @property
    def features(self) -> tuple[Layer, ...]:
        a, b, c = self.depths
        blocks = (
            self._mixed3a,
            self._mixed4a,
            self._mixed5a,
            *(self._a,) * a,
            self._reduction_a,
            *(self._b,) * b,
            self._reduction_b,
            *(self._c,) * c,
        )
        found: list[Layer] = [*self._convs(3, (32, 3, 2), (32, 3, 1), (64, 3))]
        c_in = self._scaled(64)
        for block in blocks:
            mixed = block(c_in)
            found.append(mixed)
            c_in = mixed.c_out
        return tuple(found)

    def _mixed3a(self, c_in: int) -> MixedSpec:
        conv = _line("conv", *self._convs(c_in, (96, 3, 2)))
        return _mixed(c_in, _line("maxpool", HALF), conv)

    def _mixed4a(self, c_in: int) -> MixedSpec:
        convs = partial(self._convs, c_in)
        second = convs((64, 1), (64, (1, 7)), (64, (7, 1)), (96, 3, 1))
        return _mixed(
            c_in,
            _line("branch0", *convs((64, 1), (96, 3, 1))),
            _line("branch1", *second),
        )

    def _mixed5a(self, c_in: int) -> MixedSpec:
        conv = _line("conv", *self._convs(c_in, (192, 3, 2)))
        return _mixed(c_in, conv, _line("maxpool", HALF))

    def _a(self, c_in: int) -> MixedSpec:
        """Figure 4."""
        convs = partial(self._convs, c_in)
        return _mixed(
            c_in,
            _line("branch0", *convs((96, 1))),
            _line("branch1", *convs((64, 1), (96, 3))),
            _line("branch2", *convs((64, 1), (96, 3), (96, 3))),
            _line("branch3", MEAN_INSIDE, *convs((96, 1))),
        )

    def _reduction_a(self, c_in: int) -> MixedSpec:
        """Figure 7."""
        convs = partial(self._convs, c_in)
        return _mixed(
            c_in,
            _line("branch0", *convs((384, 3, 2))),
            _line("branch1", *convs((192, 1), (224, 3), (256, 3, 2))),
            _line("branch2", HALF),
        )

    def _b(self, c_in: int) -> MixedSpec:
        """Figure 5."""
        convs, row, column = partial(self._convs, c_in), (1, 7), (7, 1)
        twice = ((192, 1), (192, column), (224, row), (224, column), (256, row))
        return _mixed(
            c_in,
            _line("branch0", *convs((384, 1))),
            _line("branch1", *convs((192, 1), (224, row), (256, column))),
            _line("branch2", *convs(*twice)),
            _line("branch3", MEAN_INSIDE, *convs((128, 1))),
        )

    def _reduction_b(self, c_in: int) -> MixedSpec:
        """Figure 8."""
        convs = partial(self._convs, c_in)
        second = convs((256, 1), (256, (1, 7)), (320, (7, 1)), (320, 3, 2))
        return _mixed(
            c_in,
            _line("branch0", *convs((192, 1), (192, 3, 2))),
            _line("branch1", *second),
            _line("branch2", HALF),
        )

    def _c(self, c_in: int) -> MixedSpec:
        """Figure 6."""
        flat = partial(self._flat, c_in, first=0, fork=256)
        return _mixed(
            c_in,
            _line("branch0", *self._convs(c_in, (256, 1))),
            flat("branch1", (384, 1)),
            flat("branch2", (384, 1), (448, (3, 1)), (512, (1, 3))),
            _line("branch3", MEAN_INSIDE, *self._convs(c_in, (256, 1))),
        )


@dataclass(frozen=True, kw_only=True)
class InceptionResNetV2Spec(_Inception):
    """depths, scales: of the residual blocks A, B and C; a last one of C follows."""

    depths: tuple[Size, Size, Size] = (10, 20, 9)
    scales: tuple[Positive, Positive, Positive] = (0.17, 0.1, 0.2)
    dropout: Rate = 0.2

    def starts(self) -> Mapping[str, Initializer]:
        found: dict[str, Initializer] = {
            f"{name}.*conv2d.bias": of_torch(blocks[0].projection.c_in)
            for name, blocks in self.residuals.items()
        }
        weights = {"*.conv.weight": _OF_TORCH, "*.conv2d.weight": _OF_TORCH}
        return {**found, **weights, "classif.*": of_torch(self.c_out)}

    @property
    def trunk(self) -> tuple[Part, ...]:
        names = ("conv2d_1a", "conv2d_2a", "conv2d_2b", "maxpool_3a", "conv2d_3b")
        a, b, c, last = self.residuals.items()
        before_a, before_b, before_c = self._between
        (conv,) = self._convs(before_c.c_out, (1536, 1))
        return (
            *self._stem(*names, "conv2d_4a", "maxpool_5a"),
            ("mixed_5b", before_a),
            a,
            ("mixed_6a", before_b),
            b,
            ("mixed_7a", before_c),
            c,
            (last[0], last[1][0]),
            ("conv2d_7b", conv),
        )

    @property
    def residuals(self) -> dict[str, tuple[ResidualSpec, ...]]:
        row, column = (1, 7), (7, 1)
        a, b, c = (mixed.c_out for mixed in self._between)
        of_a = partial(
            self._residual,
            a,
            ((32, 1),),
            ((32, 1), (32, 3)),
            ((32, 1), (48, 3), (64, 3)),
        )
        of_b = partial(
            self._residual, b, ((192, 1),), ((128, 1), (160, row), (192, column))
        )
        of_c = partial(
            self._residual, c, ((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))
        )
        kinds = zip((of_a, of_b, of_c), self.scales, self.depths, strict=True)
        repeated = ((of(scale=scale),) * depth for of, scale, depth in kinds)
        names = ("repeat", "repeat_1", "repeat_2", "block8")
        last = of_c(scale=1.0, activation="identity")
        return dict(zip(names, (*repeated, (last,)), strict=True))

    def _residual(
        self,
        c_in: int,
        *branches: tuple[_Wanted, ...],
        scale: float,
        activation: str = "relu",
    ) -> ResidualSpec:
        mixed = _mixed(
            c_in,
            *(
                _line(f"branch{i}", *self._convs(c_in, *wanted))
                for i, wanted in enumerate(branches)
            ),
        )
        projection = ConvSpec(mixed.c_out, c_in, 1)
        return ResidualSpec(mixed.branches, c_in, projection, scale, activation)

    @property
    def _between(self) -> tuple[MixedSpec, MixedSpec, MixedSpec]:
        """In front of the residual blocks of each kind."""
        convs = partial(self._convs, self._scaled(192))
        a = _mixed(
            self._scaled(192),
            _line("branch0", *convs((96, 1))),
            _line("branch1", *convs((48, 1), (64, 5))),
            _line("branch2", *convs((64, 1), (96, 3), (96, 3))),
            _line("branch3", MEAN_INSIDE, *convs((64, 1))),
        )
        convs = partial(self._convs, a.c_out)
        b = _mixed(
            a.c_out,
            _line("branch0", *convs((384, 3, 2))),
            _line("branch1", *convs((256, 1), (256, 3), (384, 3, 2))),
            _line("branch2", HALF),
        )
        convs = partial(self._convs, b.c_out)
        c = _mixed(
            b.c_out,
            _line("branch0", *convs((256, 1), (384, 3, 2))),
            _line("branch1", *convs((256, 1), (288, 3, 2))),
            _line("branch2", *convs((256, 1), (288, 3), (320, 3, 2))),
            _line("branch3", HALF),
        )
        return a, b, c


_LETTERS = ascii_lowercase[1:]  # a stage's first letter is that of what stands before
_HEAD = MeanPool(5, 3)
_OF_TORCH = HeUniform(activation="leaky_relu", slope=math.sqrt(5))

_SUM = "sum over its layers"
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
        _SUM,
        tiny=True,
    ),
    "inception_v4_tiny": Variant(
        InceptionV4Spec(
            depths=(1, 1, 1),
            width=1 / 16,
            dropout=0.3,
            num_classes=6,
            image_size=(107, 139),
            bn_eps=0.03,
            bn_decay=0.8,
        ),
        54_360,
        _SUM,
        tiny=True,
    ),
    "inception_resnet_v2_tiny": Variant(
        InceptionResNetV2Spec(
            depths=(1, 1, 1),
            scales=(0.4, 0.7, 0.3),
            width=1 / 16,
            dropout=0.3,
            num_classes=6,
            image_size=(107, 139),
            bn_eps=0.03,
            bn_decay=0.8,
        ),
        62_516,
        _SUM,
        tiny=True,
    ),
    "inception_v3": Variant(InceptionV3Spec(), 27_161_264, "torchvision 0.28.0"),
    "inception_v3_no_aux": Variant(
        InceptionV3Spec(head=False), 23_834_568, "torchvision 0.28.0"
    ),
    "inception_v4": Variant(InceptionV4Spec(), 42_679_816, "timm 1.0.31"),
    "inception_resnet_v2": Variant(InceptionResNetV2Spec(), 55_843_464, "timm 1.0.31"),
}

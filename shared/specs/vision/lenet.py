"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998, https://doi.org/10.1109/5.726791), as
the paper has it and in the common form that later texts give that name.

Settled here, for the paper's own form, because the paper is terse or says both:
  squashing    A tanh(S a) after C1, S2, C3, S4, C5 and F6, with A = 1.7159, S = 2/3
               (section II.B and appendix A)
  subsampling  a unit SUMS its 2x2 inputs (II.B; II.A has the average), then has one
               coefficient and one bias a map
  C3           reads the maps that table I lists; no weight stands for the other pairs
  output       Euclidean RBF units, y_i = sum_j (x_j - w_ij)^2 (eq. 7): penalties, the
               smallest wins. w is fixed: +-1 bitmaps of 7x12, drawn below, since the
               paper prints its own only as figure 3
  start        uniform in +-2.4 / fan-in (appendix A); biases 0

The common form: C3 reads all maps, the pools have no parameters, the output is linear.
It starts from Glorot's uniform, with relu from He's normal in front of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.definitions.initializers import (
    Given,
    HeNormal,
    Initializer,
    Uniform,
    XavierUniform,
)
from shared.definitions.losses import MSE, CrossEntropy
from shared.fields import Border, Index, Positive, Side, Size
from shared.objectives.base import Objective
from shared.objectives.supervised import Supervised
from shared.specs.base import ConvSpec, Pool, Spec, Tensor, Variant, image

# Table I: for each map of C3 the maps of S2 that it reads.
TABLE_1 = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)

BITMAPS = """
..###.. ...#... ..###.. ####### ....#.. ####### ...###. ####### ..###.. ..###..
.#...#. ..##... .#...#. .....#. ...##.. #...... ..#.... ......# .#...#. .#...#.
#.....# .#.#... #.....# ....#.. ...##.. #...... .#..... ......# #.....# #.....#
#.....# ...#... ......# ...#... ..#.#.. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ..####. ..#.#.. #.###.. #...... .....#. .#...#. #.....#
#.....# ...#... .....#. .....#. .#..#.. ##...#. #.###.. ....#.. ..###.. .#...##
#.....# ...#... ....#.. ......# .#..#.. ......# ##...#. ....#.. .#...#. ..###.#
#.....# ...#... ...#... ......# #...#.. ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... #.....# ....#.. #.....# #.....# ..#.... #.....# .....#.
.#...#. ...#... #...... .#...#. ....#.. .#...#. .#...#. ..#.... .#...#. ....#..
..###.. .#####. ####### ..###.. ....#.. ..###.. ..###.. .#..... ..###.. .###...
"""


@dataclass(frozen=True)
class TableConvSpec:
    """A convolution with weights for the listed pairs of maps alone."""

    c_in: int
    table: tuple[tuple[int, ...], ...]
    k: int

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(map put out, map read), in the order of the table."""
        return tuple((i, j) for i, row in enumerate(self.table) for j in row)

    @property
    def c_out(self) -> int:
        return len(self.table)

    @property
    def inputs(self) -> int:
        """Counts what a unit sums over that reads the most maps."""
        return self.k**2 * max(map(len, self.table))


@dataclass(frozen=True)
class SubsamplingSpec:
    channels: int
    size: int = 2

    @property
    def inputs(self) -> int:
        return self.size**2

    @property
    def pool(self) -> Pool:
        return Pool(self.size, self.size)


@dataclass(frozen=True, kw_only=True)
class LeNet5Spec(Spec):
    c1_maps: Size = 6
    c3_table: tuple[tuple[Index, ...], ...] = TABLE_1
    c5_maps: Size = 120
    output: Literal["rbf", "linear"] = "rbf"
    amplitude: Positive = 1.7159
    slope: Positive = 2 / 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.c3_table:
            self.refuse("c3_table", self.c3_table, "one row or more")
        for row in self.c3_table:
            if not row or list(row) != sorted(set(row)) or row[-1] >= self.c1_maps:
                self.refuse("c3_table", row, "rows of rising numbers below c1_maps")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(1, 32, 32),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        name = "penalties" if self.output == "rbf" else "logits"
        return (Tensor(name, (self.num_classes,)),)

    def objective(self) -> Objective:
        """Distances are no logits; they are drawn towards numbers."""
        rbf = self.output == "rbf"
        return Supervised(loss=MSE() if rbf else CrossEntropy())

    def starts(self) -> Mapping[str, Initializer]:
        fans = {
            "c1": self.c1.inputs,
            "s2": self.s2.inputs,
            "c3": self.c3.inputs,
            "s4": self.s4.inputs,
            "c5": self.c5.inputs,
            "f6": self.c5_maps,
            "head": self.f6,
        }
        weights = {f"{k}.weight": Uniform(bound=2.4 / n) for k, n in fans.items()}
        return {**weights, "head.centers": Given(rows=self.centers)}

    @property
    def c1(self) -> ConvSpec:
        return ConvSpec(1, self.c1_maps, 5)

    @property
    def s2(self) -> SubsamplingSpec:
        return SubsamplingSpec(self.c1_maps)

    @property
    def c3(self) -> TableConvSpec:
        return TableConvSpec(self.c1_maps, self.c3_table, 5)

    @property
    def s4(self) -> SubsamplingSpec:
        return SubsamplingSpec(self.c3.c_out)

    @property
    def c5(self) -> ConvSpec:
        return ConvSpec(self.c3.c_out, self.c5_maps, 5)

    @property
    def f6(self) -> int:
        return len(self.centers[0])

    @property
    def num_classes(self) -> int:
        return len(self.centers)

    @property
    def centers(self) -> tuple[tuple[float, ...], ...]:
        """One bitmap a class, row by row: 1 for ink and -1 for paper."""
        glyphs = zip(*(line.split() for line in BITMAPS.split("\n")[1:-1]), strict=True)
        return tuple(
            tuple(1.0 if pixel == "#" else -1.0 for pixel in "".join(rows))
            for rows in glyphs
        )


@dataclass(frozen=True, kw_only=True)
class LeNetSpec(Spec):
    """The common form; names as in PyTorch's tutorials."""

    channels: Size = 1
    image_size: tuple[Side, Side] = (28, 28)
    padding: Border = 2  # of the first convolution
    widths: tuple[Size, Size] = (6, 16)
    hidden: tuple[Size, Size] = (120, 84)
    num_classes: Size = 10
    activation: Literal["sigmoid", "tanh", "relu"] = "tanh"
    pooling: Literal["average", "max"] = "average"

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.map_size) < 1:
            least = 16 - 2 * self.padding
            self.refuse("image_size", self.image_size, f"at least {least} each way")

    def inputs(self) -> tuple[Tensor, ...]:
        return (image(self.channels, *self.image_size),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_classes,)),)

    def starts(self) -> Mapping[str, Initializer]:
        hidden = HeNormal() if self.activation == "relu" else XavierUniform()
        return {"fc3.weight": XavierUniform(), "*.weight": hidden}

    @property
    def conv1(self) -> ConvSpec:
        return ConvSpec(self.channels, self.widths[0], 5, padding=self.padding)

    @property
    def conv2(self) -> ConvSpec:
        return ConvSpec(*self.widths, 5)

    @property
    def pool(self) -> Pool:
        return Pool(2, 2)

    @property
    def map_size(self) -> tuple[int, ...]:
        """Height and width of what the last pooling leaves."""
        padded = (n + 2 * self.padding for n in self.image_size)
        return tuple(((n - 4) // 2 - 4) // 2 for n in padded)

    @property
    def flat(self) -> int:
        height, width = self.map_size
        return self.widths[1] * height * width


def _tiny(
    activation: Literal["sigmoid", "tanh", "relu"], pooling: Literal["average", "max"]
) -> LeNetSpec:
    return LeNetSpec(
        channels=2,
        image_size=(18, 23),
        padding=1,
        widths=(3, 5),
        hidden=(11, 9),
        num_classes=4,
        activation=activation,
        pooling=pooling,
    )


def _tiny5(output: Literal["rbf", "linear"]) -> LeNet5Spec:
    table = ((0, 2), (1,), (0, 1, 3), (1, 2, 3), (0, 1, 2, 3))
    return LeNet5Spec(
        c1_maps=4, c3_table=table, c5_maps=9, output=output, amplitude=1.3, slope=0.7
    )


_SUM = "sum over its layers"
VARIANTS = {
    "lenet5_tiny": Variant(_tiny5("rbf"), 2_426, _SUM, tiny=True),
    "lenet5_tiny_linear": Variant(_tiny5("linear"), 3_276, _SUM, tiny=True),
    "lenet_tiny": Variant(_tiny("tanh", "average"), 1_022, _SUM, tiny=True),
    "lenet_tiny_max": Variant(_tiny("relu", "max"), 1_022, _SUM, tiny=True),
    "lenet_tiny_sigmoid": Variant(_tiny("sigmoid", "average"), 1_022, _SUM, tiny=True),
    "lenet5": Variant(LeNet5Spec(), 60_000, "LeCun et al. 1998, section II.B"),
    "lenet5_linear": Variant(LeNet5Spec(output="linear"), 60_850, _SUM),
    "lenet": Variant(LeNetSpec(), 61_706, _SUM),
    "lenet_relu": Variant(
        LeNetSpec(image_size=(32, 32), padding=0, activation="relu", pooling="max"),
        61_706,
        _SUM,
    ),
    "lenet_cifar": Variant(
        LeNetSpec(
            channels=3,
            image_size=(32, 32),
            padding=0,
            activation="relu",
            pooling="max",
        ),
        62_006,
        "PyTorch's tutorial on CIFAR-10, summed over its layers",
    ),
}

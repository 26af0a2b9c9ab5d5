"""Temporal convolutional networks (Bai, Kolter, Koltun 2018,
https://arxiv.org/abs/1803.01271).

Settled here because paper and published code (locuslab/TCN) differ, or leave it open:
  causal    a step sees itself and what is before: (k - 1) d zeros before the first
  dilation  2^i at level i
  weights   normalised, w = g v / |v|, with a g for each output channel (Salimans and
            Kingma 2016, arXiv:1602.07868)
  dropout   of single values, as in the code; the paper says of whole channels
  shortcut  a convolution of one place where the number of channels changes; after the
            sum ReLU
  output    a linear layer reads the last step: classes, or a forecast
  start     v and every bias as torch has them, g 1 / sqrt(3), which is then about |v|

Names: levels.{i}.{conv1,conv2}.{weight_g,weight_v,bias} levels.{i}.downsample fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.definitions.initializers import Constant, Initializer, of_torch
from shared.fields import Rate, Size
from shared.specs.base import Spec, Tensor, Variant


@dataclass(frozen=True)
class CausalSpec:
    """A convolution along time that sees no later step."""

    c_in: int
    c_out: int
    k: int
    dilation: int

    @property
    def before(self) -> int:
        """How many zeros stand before the first step."""
        return (self.k - 1) * self.dilation

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each place of the kernel begins to read, zeros included."""
        return tuple(self.dilation * j for j in range(self.k))

    @property
    def inputs(self) -> int:
        """What one output is a sum over."""
        return self.k * self.c_in


@dataclass(frozen=True)
class Level:
    conv1: CausalSpec
    conv2: CausalSpec

    @property
    def projects(self) -> bool:
        return self.conv1.c_in != self.conv2.c_out


@dataclass(frozen=True, kw_only=True)
class TCNSpec(Spec):
    """widths: of each level. k: the kernel of all convolutions."""

    features: Size
    length: Size
    widths: tuple[Size, ...]
    k: Size
    dropout: Rate = 0.2
    num_outputs: Size

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.widths) <= 16:
            self.refuse("widths", self.widths, "one level or more, up to 16")

    def inputs(self) -> tuple[Tensor, ...]:
        return (Tensor("sequence", (self.length, self.features)),)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.num_outputs,)),)

    def starts(self) -> Mapping[str, Initializer]:
        found: dict[str, Initializer] = {"*.weight_g": Constant(value=3**-0.5)}
        for i, level in enumerate(self.levels):
            for name, conv in (("conv1", level.conv1), ("conv2", level.conv2)):
                found[f"levels.{i}.{name}.*"] = of_torch(conv.inputs)
            if level.projects:
                found[f"levels.{i}.downsample.*"] = of_torch(level.conv1.c_in)
        return {**found, "fc.*": of_torch(self.widths[-1])}

    @property
    def levels(self) -> tuple[Level, ...]:
        sizes = pairwise((self.features, *self.widths))
        return tuple(
            Level(
                CausalSpec(c_in, c_out, self.k, 2**i),
                CausalSpec(c_out, c_out, self.k, 2**i),
            )
            for i, (c_in, c_out) in enumerate(sizes)
        )

    @property
    def receptive_field(self) -> int:
        """How many steps the last one sees."""
        return 1 + sum(2 * level.conv1.before for level in self.levels)


def _paper(
    features: int, length: int, width: int, levels: int, k: int, num_outputs: int
) -> TCNSpec:
    return TCNSpec(
        features=features,
        length=length,
        widths=(width,) * levels,
        k=k,
        dropout=0.0,
        num_outputs=num_outputs,
    )


_TABLE = "sum over its layers; Bai et al. 2018, table 1, has about 70K"
VARIANTS = {
    "tcn_tiny": Variant(
        TCNSpec(
            features=3, length=9, widths=(4, 4, 5), k=3, dropout=0.3, num_outputs=2
        ),
        420,
        "sum over its layers",
        tiny=True,
    ),
    "tcn_adding": Variant(_paper(2, 600, 24, 8, 8, 1), 70_369, _TABLE),
    "tcn_mnist": Variant(_paper(1, 784, 25, 8, 7, 10), 66_910, _TABLE),
}

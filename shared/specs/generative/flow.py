"""Flows between noise and data: RealNVP, whose density is known (Dinh, Sohl-Dickstein,
Bengio 2016, https://arxiv.org/abs/1605.08803), and rectified flow, whose velocity is
learned (Liu, Gong, Liu 2022, https://arxiv.org/abs/2209.03003; Lipman et al. 2022,
https://arxiv.org/abs/2210.02747).

Settled here because the papers leave it open, or codes disagree:
  RealNVP   of rows of numbers: a coupling keeps the first half of them, the next the
            second, in turn; the other half is scaled by exp(s) and shifted (equations 7
            and 8). A perceptron with ReLU gives r, then the shift; s is `bound` times
            tanh(r / bound). Forward is from data to noise; `sample` is its inverse
  rectified noise at time 0, data at time 1, and the straight line between them; the
            time enters by sines and cosines beside the numbers, through SiLU
  sample    of a rectified flow by Euler's method, in `steps` equal steps; sample_heun
            by Heun's, which looks ahead and takes the mean (two velocities a step)
  start     Xavier's uniform; a coupling's last layer is 0, so that it changes nothing

Names: couplings.{i}.{hidden.{j},fc}; of a rectified flow {hidden.{i},fc}
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from shared.definitions.initializers import Initializer, XavierUniform, Zeros
from shared.fields import Depth, Positive, Size
from shared.objectives.base import Objective
from shared.objectives.flow import FlowLikelihood, FlowMatching
from shared.specs.base import Pair, Program, Spec, Tensor, Variant
from shared.tensors import NORMAL, UNIFORM


@dataclass(frozen=True)
class CouplingSpec:
    """Which of the numbers are kept, and which are moved by them."""

    kept: slice
    moved: slice
    sizes: tuple[Pair, ...]
    out: Pair
    first: bool  # the first half is kept


@dataclass(frozen=True, kw_only=True)
class RealNVPSpec(Spec):
    """hidden: the widths of each coupling's perceptron."""

    features: Size
    hidden: tuple[Size, ...]
    depth: Depth
    bound: Positive = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.features < 2:
            self.refuse("features", self.features, "at least 2, one for each half")
        if not self.hidden:
            self.refuse("hidden", self.hidden, "one width or more")

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    def inputs(self) -> tuple[Tensor, ...]:
        return (self.image,)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return Tensor("z", (self.features,)), Tensor("log_determinant", ())

    def programs(self) -> Mapping[str, Program]:
        z = (Tensor("z", (self.features,), drawn=NORMAL),)
        density = (Tensor("log_density", ()),)
        return {
            "sample": Program("sample", z, (self.image,), differentiable=True),
            "score": Program("score", (self.image,), density, differentiable=True),
        }

    def objective(self) -> Objective:
        return FlowLikelihood()

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.fc.weight": Zeros(), "*.weight": XavierUniform()}

    @property
    def couplings(self) -> tuple[CouplingSpec, ...]:
        half = self.features // 2
        found = []
        for i in range(self.depth):
            first = i % 2 == 0
            kept, moved = slice(0, half), slice(half, None)
            number = half if first else self.features - half
            if not first:
                kept, moved = moved, kept
            sizes = tuple(pairwise((number, *self.hidden)))
            out = (self.hidden[-1], 2 * (self.features - number))
            found.append(CouplingSpec(kept, moved, sizes, out, first))
        return tuple(found)

    @property
    def log_scale(self) -> float:
        """The logarithm of the normal density at 0."""
        return -self.features / 2 * math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True)
class RectifiedFlowSpec(Spec):
    """waves: the numbers that tell the time, half of them sines.
    steps: of a sample.
    """

    features: Size
    hidden: tuple[Size, ...]
    waves: Size = 16
    steps: Size = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden:
            self.refuse("hidden", self.hidden, "one width or more")
        if self.waves % 2:
            self.refuse("waves", self.waves, "an even number")

    @property
    def image(self) -> Tensor:
        return Tensor("image", (self.features,))

    def inputs(self) -> tuple[Tensor, ...]:
        return self.image, Tensor("time", (), drawn=UNIFORM)

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("velocity", (self.features,)),)

    def programs(self) -> Mapping[str, Program]:
        noise = (Tensor("noise", (self.features,), drawn=NORMAL),)
        made = (self.image,)
        return {
            "sample": Program("sample", noise, made),
            "sample_heun": Program("sample_heun", noise, made),
        }

    def objective(self) -> Objective:
        return FlowMatching()

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}

    @property
    def sizes(self) -> tuple[Pair, ...]:
        """Each hidden layer's inputs and outputs."""
        return tuple(pairwise((self.features + self.waves, *self.hidden)))

    @property
    def frequencies(self) -> tuple[float, ...]:
        """From a half turn between noise and data, doubled and doubled again."""
        return tuple(math.pi * 2**i for i in range(self.waves // 2))


_SUM = "sum over its layers"
VARIANTS = {
    "real_nvp_tiny": Variant(
        RealNVPSpec(features=5, hidden=(6, 4), depth=3, bound=0.75),
        224,
        _SUM,
        tiny=True,
    ),
    "rectified_flow_tiny": Variant(
        RectifiedFlowSpec(features=4, hidden=(7, 5), waves=6, steps=3),
        141,
        _SUM,
        tiny=True,
    ),
    "real_nvp_digits": Variant(
        RealNVPSpec(features=64, hidden=(64,), depth=8),
        50_176,
        _SUM,
    ),
    "rectified_flow_digits": Variant(
        RectifiedFlowSpec(features=64, hidden=(128, 128, 128)),
        51_648,
        _SUM,
    ),
}

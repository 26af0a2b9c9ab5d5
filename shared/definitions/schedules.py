"""Learning-rate schedules. `factor` IS the definition: what the optimizer's own
learning rate is multiplied by at update t, counted from 0. `ReduceOnPlateau` follows a
metric instead of t.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, NamedTuple

from shared.errors import unknown
from shared.fields import Checked, Count, Index, Positive, Range, Rate

Share = Annotated[float, Range(0.0, 1.0 + 2**-52, "a number from 0 to 1")]
Gamma = Annotated[float, Range(5e-324, 1.0 + 2**-52, "a number above 0, at most 1")]


@dataclass(frozen=True, kw_only=True)
class Schedule(Checked):
    def factor(self, t: int) -> float:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    def factor(self, t: int) -> float:
        return 1.0


# In steps


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """The factor is multiplied by gamma after every so many updates (He et al. 2015,
    arXiv:1512.03385, section 3.4, gives the custom)."""

    every: Count
    gamma: Gamma = 0.1

    def factor(self, t: int) -> float:
        return self.gamma ** (t // self.every)


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """The factor is multiplied by gamma at each of the updates `at`."""

    at: tuple[Count, ...]
    gamma: Gamma = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(b <= a for a, b in pairwise(self.at)):
            self.refuse("at", self.at, "rising numbers")

    def factor(self, t: int) -> float:
        return self.gamma ** sum(t >= start for start in self.at)


# In curves


@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    gamma: Gamma

    def factor(self, t: int) -> float:
        return self.gamma**t


@dataclass(frozen=True, kw_only=True)
class Polynomial(Schedule):
    """The factor falls from 1 to `final` in `steps` updates and stays there; it is
    linear with power 1 (Liu, Rabinovich, Berg 2015, arXiv:1506.04579, section 3.1:
    "poly")."""

    steps: Count
    power: Positive = 1.0
    final: Share = 0.0

    def factor(self, t: int) -> float:
        done = min(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 - done) ** self.power


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Loshchilov, Hutter 2017 (arXiv:1608.03983), equation 5, without restarts: from 1
    to `final` in `steps` updates, and `final` after them."""

    steps: Count
    final: Share = 0.0

    def factor(self, t: int) -> float:
        done = min(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True, kw_only=True)
class WarmRestarts(Schedule):
    """SGDR: the same paper with restarts, again and again. `period` is its T_0, the
    updates of the first round; `growth` its T_mult, how many times as long each round
    is as the one before."""

    period: Count
    growth: Count = 1
    final: Share = 0.0

    def factor(self, t: int) -> float:
        length = self.period
        while t >= length and self.growth > 1:
            t, length = t - length, length * self.growth
        done = t % length / length
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    """Smith, Topin 2018 (arXiv:1708.07120); Smith 2018 (arXiv:1803.09820), section 4.1:
    a straight leg up from `start` to 1, one as long down again, and what is left of the
    updates far below, to `final`. Straight as in the papers, without cosines."""

    steps: Count
    leg: Count  # updates
    start: Share = 0.1
    final: Share = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if 2 * self.leg >= self.steps:
            self.refuse("leg", self.leg, f"below half of steps ({self.steps})")

    def factor(self, t: int) -> float:
        if t < 2 * self.leg:
            height = 1 - abs(t - self.leg) / self.leg
            return self.start + (1 - self.start) * height
        done = min((t - 2 * self.leg) / (self.steps - 2 * self.leg), 1.0)
        return self.start + (self.final - self.start) * done


@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Schedule):
    """Vaswani et al. 2017 (arXiv:1706.03762), equation 3 over its own largest value: 1
    at the end of the warm-up. Its steps count from 1."""

    warmup: Count

    def factor(self, t: int) -> float:
        step = t + 1
        return min(math.sqrt(self.warmup / step), step / self.warmup)


# Before another


@dataclass(frozen=True, kw_only=True)
class Warmup(Schedule):
    """Goyal et al. 2017 (arXiv:1706.02677), section 2.2: rising by equal steps, to 1 at
    update `steps`; from there the schedule `then`, counted from its own 0."""

    steps: Count
    then: Schedule = field(default_factory=Constant)

    def factor(self, t: int) -> float:
        if t < self.steps:
            return (t + 1) / (self.steps + 1)
        return self.then.factor(t - self.steps)


# After a metric


class PlateauState(NamedTuple):
    """What a plateau keeps: the factor, the best value seen, the observations since
    then, and those of the cooldown that are left."""

    factor: float
    best: float
    waited: int
    cooling: int


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Checked):
    """The factor is multiplied by gamma when `patience` observations are passed without
    a better one.

    Smaller is better; of what should grow, observe the negative. Better is below the
    best by more than `threshold` of its size. After a reduction nothing is counted for
    `cooldown` observations. Without a paper; the counts are those of torch.
    """

    gamma: Gamma = 0.1
    patience: Index = 10
    threshold: Rate = 1e-4
    cooldown: Index = 0
    lowest: Share = 0.0  # factor

    def start(self) -> PlateauState:
        return PlateauState(1.0, math.inf, 0, 0)

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        factor, best, waited, cooling = state
        margin = self.threshold * abs(best) if math.isfinite(best) else 0.0
        better = value < best - margin
        best = value if better else best
        waited = 0 if better or cooling else waited + 1
        cooling = max(cooling - 1, 0)
        if waited > self.patience:
            lowered = min(factor, max(factor * self.gamma, self.lowest))
            return PlateauState(lowered, best, 0, self.cooldown)
        return PlateauState(factor, best, waited, cooling)


SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(),
    "step": Step(every=30),
    "multi_step": MultiStep(at=(30, 60, 80)),
    "exponential": Exponential(gamma=0.97),
    "linear": Polynomial(steps=90),
    "polynomial": Polynomial(steps=90, power=0.9, final=0.05),
    "cosine": Cosine(steps=90, final=0.1),
    "warm_restarts": WarmRestarts(period=10, growth=2, final=0.01),
    "one_cycle": OneCycle(steps=100, leg=45),
    "inverse_sqrt": InverseSqrt(warmup=20),
    "warmup_cosine": Warmup(steps=10, then=Cosine(steps=80)),
    "warmup_restarts": Warmup(steps=7, then=WarmRestarts(period=13)),
    "warmup_warmup_step": Warmup(
        steps=3, then=Warmup(steps=5, then=Step(every=11, gamma=0.5))
    ),
}


def schedule(name: str) -> Schedule:
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    return SCHEDULES[name]

"""Learning-rate schedules. `factor` IS the definition: what the optimizer's own
learning rate is multiplied by at update t, counted from 0.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated

from shared.errors import unknown
from shared.fields import Checked, Range, Size

Share = Annotated[float, Range(0.0, 1.0 + 2**-52, "a number from 0 to 1")]


@dataclass(frozen=True, kw_only=True)
class Schedule(Checked):
    def factor(self, t: int) -> float:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    def factor(self, t: int) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Loshchilov, Hutter 2017 (arXiv:1608.03983), equation 5, without restarts: from 1
    to `final` in `steps` updates, and `final` after them."""

    steps: Size
    final: Share = 0.0

    def factor(self, t: int) -> float:
        done = min(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True, kw_only=True)
class Warmup(Schedule):
    """Goyal et al. 2017 (arXiv:1706.02677), section 2.2: rising by equal steps, to 1 at
    update `steps`; from there the schedule `then`, counted from its own 0."""

    steps: Size
    then: Schedule = field(default_factory=Constant)

    def factor(self, t: int) -> float:
        if t < self.steps:
            return (t + 1) / (self.steps + 1)
        return self.then.factor(t - self.steps)


SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(),
    "cosine": Cosine(steps=90, final=0.1),
    "warmup_cosine": Warmup(steps=10, then=Cosine(steps=80)),
}


def schedule(name: str) -> Schedule:
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    return SCHEDULES[name]

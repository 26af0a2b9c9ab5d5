"""Flows between noise and data: by the density of what is given, or by velocities."""

from dataclasses import dataclass, replace

from shared.fields import Index
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.tensors import NORMAL, UNIFORM


@dataclass(frozen=True, kw_only=True)
class FlowLikelihood(Objective):
    """The mean of -log p(x), where `forward` makes of x, the first input, numbers that
    are to be normal and the logarithm of its determinant (Dinh et al. 2016,
    arXiv:1605.08803, equation 3). Both are told, `noise` and `determinant`.

    levels: of data that has so many from 0 to 1 - 1 / levels; each is spread evenly
        up to the next, anew at each step (section 4.1). 0 for real numbers.
    """

    levels: Index = 0

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        data, *_ = spec.inputs()
        spread = (replace(data, name="spread", drawn=UNIFORM),) if self.levels else ()
        return (Step("likelihood", noise=spread),)


@dataclass(frozen=True, kw_only=True)
class FlowMatching(Objective):
    """The mean squared error of the velocity, the second input being the time, between
    noise at 0 and data at 1 (Liu et al. 2022, arXiv:2209.03003, equation 1)."""

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        data, *_ = spec.inputs()
        noise = replace(data, name="noise", drawn=NORMAL)
        return (Step("matching", noise=(*noise_of(spec), noise)),)

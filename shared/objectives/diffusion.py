"""A model learns to see what was mixed into data that noise was put into."""

from dataclasses import dataclass, field, replace
from typing import Literal

from shared.definitions.diffusion import LinearNoise, Noising
from shared.fields import Index, Rate
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.tensors import NORMAL, UNIFORM, Tensor

Said = Literal["noise", "data", "velocity"]


@dataclass(frozen=True, kw_only=True)
class Diffusion(Objective):
    """Ho, Jain, Abbeel 2020 (arXiv:2006.11239), algorithm 1: the mean squared error of
    what the model says of data with noise in it. Data is the first input of `forward`,
    a time below `noising.steps` the last; what it says is the first output.

    says: what is predicted: the noise, the data, or the velocity between them
        (Salimans, Ho 2022, arXiv:2202.00512).
    forgets: how often the label, the second input, gives way to `nothing`, the number
        that stands for none (Ho, Salimans 2022, arXiv:2207.12598, algorithm 1).
    """

    noising: Noising = field(default_factory=LinearNoise)
    says: Said = "noise"
    forgets: Rate = 0.0
    nothing: Index = 0

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        data, *_ = spec.inputs()
        noise = replace(data, name="noise", drawn=NORMAL)
        chance = (Tensor("chance", (), drawn=UNIFORM),) if self.forgets else ()
        return (Step("diffusion", noise=(*noise_of(spec), noise, *chance)),)

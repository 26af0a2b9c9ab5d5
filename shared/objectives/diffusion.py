"""A model learns to see what was mixed into data that noise was put into."""

from dataclasses import dataclass, field, replace
from typing import Literal

from shared.definitions.diffusion import LinearNoise, Noising
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.tensors import NORMAL


@dataclass(frozen=True, kw_only=True)
class Diffusion(Objective):
    """Ho, Jain, Abbeel 2020 (arXiv:2006.11239), algorithm 1: the mean squared error of
    what the model says of data with noise in it. Data is the first input of `forward`;
    of the drawn ones the first is the time, a whole number below `noising.steps`.

    says: what is predicted: the noise, the data, or the velocity between them
        (Salimans, Ho 2022, arXiv:2202.00512).
    """

    noising: Noising = field(default_factory=LinearNoise)
    says: Literal["noise", "data", "velocity"] = "noise"

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        data, *_ = spec.inputs()
        noise = replace(data, name="noise", drawn=NORMAL)
        return (Step("diffusion", noise=(*noise_of(spec), noise)),)

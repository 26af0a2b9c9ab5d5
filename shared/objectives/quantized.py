"""What is given back through a table of codes, in one step."""

from dataclasses import dataclass

from shared.arrays import Arrays
from shared.definitions.losses import MSE, Loss
from shared.fields import NonNegative
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class Quantized(Objective):
    """`forward` puts out what is made of x, the first input, then its code, and the row
    of the table that is nearest to each (van den Oord et al. 2017, arXiv:1711.00937,
    equation 3). The mean squared errors of all three terms are told: of what is made,
    `reconstruction`; of rows, which move to their codes, `codebook`; and of codes,
    which keep to their rows, `commitment`, the weight of the last.
    """

    commitment: NonNegative = 0.25

    @property
    def judge(self) -> Loss:
        return MSE()

    def judged(self, outputs: Arrays) -> Arrays:
        return outputs[:1]

    def judged_against(self, inputs: Arrays, targets: Arrays) -> Arrays:
        """Give the data itself, whatever targets metrics have."""
        return inputs[:1]

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("quantized", noise=noise_of(spec)),)

"""The evidence lower bound of a model with latent variables, in one step."""

from dataclasses import dataclass

from shared.arrays import Arrays
from shared.definitions.losses import EvidenceLowerBound, Likelihood
from shared.fields import NonNegative
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class Evidence(Objective):
    """The evidence is that of x, the first input; of it `forward` puts out what the
    decoder says, then the mean and the logarithm of the variance of z. Both terms are
    told, `reconstruction` and `divergence`; what is minimised is their sum, with the
    weight beta (shared/definitions/losses, EvidenceLowerBound).
    """

    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    @property
    def judge(self) -> EvidenceLowerBound:
        return EvidenceLowerBound(likelihood=self.likelihood, beta=self.beta)

    def judged_against(self, inputs: Arrays, targets: Arrays) -> Arrays:
        """Give the data itself, whatever targets metrics have."""
        return inputs[:1]

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("evidence", noise=noise_of(spec)),)

"""The evidence lower bound of a model with latent variables, in one step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shared.arrays import Arrays
from shared.definitions.losses import EvidenceLowerBound, Likelihood
from shared.fields import NonNegative
from shared.objectives.base import Objective, Step, noise_of

if TYPE_CHECKING:
    from shared.specs.base import Spec


@dataclass(frozen=True, kw_only=True)
class Evidence(Objective):
    """`forward` puts out what the decoder says of x, then the mean and the logarithm of
    the variance of z; wanted is x. Both terms are told, `reconstruction` and
    `divergence`, and their sum, weighed by beta, is minimised
    (shared/definitions/losses.py, EvidenceLowerBound).
    """

    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    @property
    def judge(self) -> EvidenceLowerBound:
        return EvidenceLowerBound(likelihood=self.likelihood, beta=self.beta)

    def steps(self, spec: "Spec") -> tuple[Step, ...]:
        return (Step("evidence", noise=noise_of(spec)),)

    def wanted(self, spec: "Spec", inputs: Arrays, seed: int) -> Arrays:
        """The inputs; for a Bernoulli likelihood squeezed into what it allows."""
        (x, *_) = inputs
        return (x if self.likelihood == "gaussian" else 1 / (1 + np.exp(-x)),)

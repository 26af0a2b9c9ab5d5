"""The definitions of losses of distributions."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.losses.base import Loss, sigmoid, softplus
from shared.fields import NonNegative

Likelihood = Literal["bernoulli", "gaussian"]


@dataclass(frozen=True, kw_only=True)
class EvidenceLowerBound(Loss):
    """Kingma, Welling 2013 (arXiv:1312.6114), equation 3, negated, in nats a sample:
    `reconstruction`, -log p(x|z) at one z, and beta times `divergence`, that of q(z|x),
    a normal of diagonal variance, from the standard normal (appendix B). Summed over
    all axes but the first; mean over the samples.

    Put out are what the decoder says of x, and the mean and the logarithm of the
    variance of z; wanted is x.

    likelihood: bernoulli, of logits (appendix C.1); gaussian, of means, with variance 1
        (C.2; there the variance is learnt too).
    beta: at 1 it is a bound on -log p(x); others are those of Higgins et al. 2017
        (https://openreview.net/forum?id=Sy2fzU9gl), equation 4.
    """

    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        return self.reconstruction(outputs, targets) + self.beta * self.divergence(
            outputs
        )

    def reconstruction(self, outputs: Arrays, targets: Arrays) -> Array:
        (y, *_), (x,) = outputs, targets
        if self.likelihood == "bernoulli":
            each = softplus(y) - x * y
        else:
            each = (np.square(x - y) + math.log(2 * math.pi)) / 2
        return each.sum() / max(len(y), 1)

    def divergence(self, outputs: Arrays) -> Array:
        _, mean, log_variance = outputs
        each = np.square(mean) + np.exp(log_variance) - log_variance - 1
        return each.sum() / 2 / max(len(mean), 1)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y, mean, log_variance), (x,) = outputs, targets
        of_y = (sigmoid(y) if self.likelihood == "bernoulli" else y) - x
        of_mean = self.beta * mean
        of_log_variance = self.beta * (np.exp(log_variance) - 1) / 2
        rows = max(len(y), 1)
        return of_y / rows, of_mean / rows, of_log_variance / rows

"""The definitions of losses of sequences."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.losses.base import Loss, log_softmax, mean


@dataclass(frozen=True, kw_only=True)
class CTC(Loss):
    """Graves et al. 2006 (https://doi.org/10.1145/1143844.1143891): -log of the sum of
    all alignments, by its equations 6 to 15 in logarithms; class 0 is the blank.

    z: [batch, time, classes]; wanted are labels [batch, length], how many steps of each
    sequence there are, and how many labels. Mean over the batch, not over labels; a
    sequence too short for its labels, whose loss is infinite, adds 0.
    """

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,) = outputs
        each = [_ctc(*one)[0] for one in zip(z, *targets, strict=True)]
        return mean(np.array(each))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,) = outputs
        each = [_ctc(*one)[1] for one in zip(z, *targets, strict=True)]
        return (np.array(each).reshape(z.shape) / max(len(z), 1),)


def _ctc(z: Array, labels: Array, steps: int, length: int) -> tuple[float, Array]:
    """Compute one sequence's loss and gradient."""
    spaced = np.zeros(2 * length + 1, int)
    spaced[1::2] = labels[:length]
    log_p, gradient = log_softmax(z), np.zeros_like(z)
    seen = log_p[:steps, spaced]
    alpha = _forward(seen, spaced)
    total = np.logaddexp.reduce(alpha[-1, -2:])
    if not np.isfinite(total):
        return 0.0, gradient
    beta = _forward(seen[::-1, ::-1], spaced[::-1])[::-1, ::-1]
    share = np.exp(
        alpha + beta - seen - total
    )  # of each place in the sum, at each step
    gradient[:steps] = np.exp(log_p[:steps])
    gradient[:steps] -= share @ np.eye(z.shape[-1])[spaced]
    return -total, gradient


def _forward(seen: Array, spaced: Array) -> Array:
    """Compute log alpha, [steps, places]: a place is reached from itself, the one
    before, and past a blank where the labels differ."""
    alpha = np.full(seen.shape, -np.inf)
    alpha[0, :2] = seen[0, :2]
    over = np.full(len(spaced), False)
    over[2:] = (spaced[2:] != 0) & (spaced[2:] != spaced[:-2])
    for t in range(1, len(seen)):
        one = np.concatenate([[-np.inf], alpha[t - 1]])[: len(spaced)]
        two = np.concatenate([[-np.inf] * 2, alpha[t - 1]])[: len(spaced)]
        reached = np.logaddexp(alpha[t - 1], one)
        reached = np.logaddexp(reached, np.where(over, two, -np.inf))
        alpha[t] = reached + seen[t]
    return alpha

"""The perceptron rule (Rosenblatt 1958, https://doi.org/10.1037/h0042519), which is no
descent along a gradient: that of the step function is 0 everywhere.

A unit puts out 1 where w x + b is above 0, and 0 elsewhere; after each sample

    w += (target - prediction) x,    b += target - prediction.

Novikoff 1962 ("On convergence proofs on perceptrons"): where some v of length 1 has
|v (x, 1)| >= margin on the right side for all samples, and |(x, 1)| <= radius, there
are at most (radius / margin)^2 mistakes, in whatever order the samples come.
"""

from dataclasses import dataclass, field

import numpy as np

from shared.arrays import Array, Weights


@dataclass
class Perceptron:
    """weights: those of the model `perceptron`, or of several units side by side.
    mistakes: how many there were, epoch by epoch."""

    features: int
    targets: int = 1
    mistakes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.w = np.zeros((self.targets, self.features))
        self.b = np.zeros(self.targets)

    def predict(self, x: Array) -> Array:
        """Predict [..., features] -> [..., targets], 1 or 0."""
        return np.where(x @ self.w.T + self.b > 0, 1.0, 0.0)

    def fit(self, x: Array, target: Array, epochs: int) -> bool:
        """Sample by sample until an epoch passes without a mistake; whether one did."""
        for _ in range(epochs):
            self.mistakes.append(sum(map(self.learn, x, target)))
            if self.mistakes[-1] == 0:
                return True
        return False

    def learn(self, x: Array, target: Array) -> int:
        """Learn from one sample, and say how many of the units were wrong."""
        wrong = target - self.predict(x)
        self.w += np.outer(wrong, x)
        self.b += wrong
        return int(np.abs(wrong).sum())

    def weights(self) -> Weights:
        """Give the weights by the canonical names of shared/specs/classic/linear.py."""
        return {"linear.weight": self.w, "linear.bias": self.b}

"""The definition of Adamax."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Adamax(Optimizer):
    """Kingma, Ba 2015 (arXiv:1412.6980), algorithm 2, which has no eps: without it an
    entry whose gradients were all 0 divides by 0. Decay is coupled."""

    lr: NonNegative = 2e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"m": LIKE, "u": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        u = np.maximum(self.beta2 * s["u"], np.abs(g))
        return x - lr / (1 - self.beta1**t) * m / (u + self.eps), {"m": m, "u": u}

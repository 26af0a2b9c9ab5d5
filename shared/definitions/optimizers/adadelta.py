"""The definition of Adadelta."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Adadelta(Optimizer):
    """Zeiler 2012 (arXiv:1212.5701), algorithm 1, settings of section 4.1; E_g and E_d
    its E[g^2] and E[dx^2]. The paper has no lr, which is 1. Decay is coupled."""

    lr: NonNegative = 1.0
    rho: Rate = 0.95
    eps: NonNegative = 1e-6

    keeps = {"E_g": LIKE, "E_d": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        E_g = self.rho * s["E_g"] + (1 - self.rho) * g**2
        d = np.sqrt(s["E_d"] + self.eps) / np.sqrt(E_g + self.eps) * g
        E_d = self.rho * s["E_d"] + (1 - self.rho) * d**2
        return x - lr * d, {"E_g": E_g, "E_d": E_d}

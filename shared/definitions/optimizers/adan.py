"""The definition of Adan."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Adan(Optimizer):
    """Xie et al. 2022 (arXiv:2208.06677), algorithm 1. The betas are shares kept, and
    the averages start at 0 and are corrected for it, as in the authors' code."""

    lr: NonNegative = 1e-3
    beta1: Rate = 0.98
    beta2: Rate = 0.92
    beta3: Rate = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 2e-2

    keeps = {"m": LIKE, "v": LIKE, "n": LIKE, "g": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        d = g - s["g"] if t > 1 else np.zeros_like(g)
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * d
        n = self.beta3 * s["n"] + (1 - self.beta3) * (g + self.beta2 * d) ** 2
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        n_hat = n / (1 - self.beta3**t)
        u = (m_hat + self.beta2 * v_hat) / (np.sqrt(n_hat) + self.eps)
        return (x - lr * u) / (1 + lr * decay), {"m": m, "v": v, "n": n, "g": g}

"""The definition of RAdam."""

import math
from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class RAdam(Optimizer):
    """Liu et al. 2020 (arXiv:1908.03265), algorithm 2: adapted once the variance can be
    told (rho above 4). The paper has no eps; it is beside the root, as Adam's. Decay is
    coupled."""

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"m": LIKE, "v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        m_hat = m / (1 - self.beta1**t)
        whole = 2 / (1 - self.beta2) - 1
        rho = whole - 2 * t * self.beta2**t / (1 - self.beta2**t)
        if rho <= 4:
            return x - lr * m_hat, {"m": m, "v": v}
        r = math.sqrt((rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho))
        v_hat = v / (1 - self.beta2**t)
        return x - lr * r * m_hat / (np.sqrt(v_hat) + self.eps), {"m": m, "v": v}

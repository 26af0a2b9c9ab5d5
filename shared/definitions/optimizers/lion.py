"""The definition of Lion."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer):
    """Chen et al. 2023 (arXiv:2302.06675), algorithm 2. Decay is decoupled."""

    lr: NonNegative = 1e-4
    beta1: Rate = 0.9
    beta2: Rate = 0.99

    keeps = {"m": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        c = self.beta1 * s["m"] + (1 - self.beta1) * g
        m = self.beta2 * s["m"] + (1 - self.beta2) * g
        return x - lr * (np.sign(c) + decay * x), {"m": m}

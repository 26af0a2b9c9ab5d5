"""The definition of NAdam."""

import math
from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class NAdam(Optimizer):
    """Dozat 2016 (ICLR workshop), algorithm 2, with the schedule of momentum of its
    section 3; n corrected as Adam's v. `mu` is the product of the momenta so far.
    Decay is coupled."""

    lr: NonNegative = 2e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    momentum_decay: NonNegative = 4e-3  # the paper's 1 / 250

    keeps = {"m": LIKE, "n": LIKE}

    def momentum(self, t: int) -> float:
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def mu(self, t: int) -> float:
        return math.prod(self.momentum(i) for i in range(1, t + 1))

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        n = self.beta2 * s["n"] + (1 - self.beta2) * g**2
        now, then = self.momentum(t), self.momentum(t + 1)
        m_hat = then * m / (1 - self.mu(t + 1)) + (1 - now) * g / (1 - self.mu(t))
        n_hat = n / (1 - self.beta2**t)
        return x - lr * m_hat / (np.sqrt(n_hat) + self.eps), {"m": m, "n": n}

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        new_xs, new_state = super().update(xs, gs, state, lr, excluded)
        return new_xs, new_state | {"mu": np.array(self.mu(int(new_state["t"])))}

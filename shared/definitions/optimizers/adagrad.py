"""The definition of Adagrad."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Duchi, Hazan, Singer 2011 (JMLR 12), figure 1 with diagonal matrices: G the sum
    of squares, eps (delta there) beside its root. Decay is coupled."""

    lr: NonNegative = 1e-2
    eps: NonNegative = 1e-10

    keeps = {"G": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        G = s["G"] + g**2
        return x - lr * g / (np.sqrt(G) + self.eps), {"G": G}

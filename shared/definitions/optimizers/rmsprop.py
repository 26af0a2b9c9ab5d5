"""The definition of RMSprop."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Tieleman, Hinton 2012 (lecture 6.5), which has no eps; centred and with momentum
    Graves 2013 (arXiv:1308.0850), equations 38 to 41, whose eps is inside the root:
    n the mean square, m the mean (his g), d the step (his Delta, here without lr, so
    that a schedule acts at once on all of it). Decay is coupled.
    """

    lr: NonNegative = 1e-3
    rho: Rate = 0.9
    eps: NonNegative = 1e-8
    centred: bool = False
    momentum: Rate = 0.0

    keeps = {"n": LIKE, "m": LIKE, "d": LIKE}

    def start(self, x: Array) -> State:
        needed = {"n": True, "m": self.centred, "d": self.momentum > 0}
        return {k: value for k, value in super().start(x).items() if needed[k]}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        kept = {"n": self.rho * s["n"] + (1 - self.rho) * g**2}
        spread = kept["n"]
        if self.centred:
            kept["m"] = self.rho * s["m"] + (1 - self.rho) * g
            spread = spread - kept["m"] ** 2
        d = g / np.sqrt(spread + self.eps)
        if self.momentum:
            d = kept["d"] = self.momentum * s["d"] + d
        return x - lr * d, kept

"""The definition of Rprop."""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Range, Rate

Growth = Annotated[float, Range(1.0, math.inf, "a number of at least 1")]


@dataclass(frozen=True, kw_only=True)
class Rprop(Optimizer):
    """Riedmiller, Braun 1993; where a sign flips no step is taken and none undone
    (iRprop- of Igel, Huesken 2003), as torch has it. The papers have no lr, which is 1:
    delta is the size of an entry's step. Decay is coupled."""

    lr: NonNegative = 1.0
    delta_0: NonNegative = 0.1
    delta_min: NonNegative = 1e-6
    delta_max: NonNegative = 50.0
    eta_minus: Rate = 0.5
    eta_plus: Growth = 1.2

    keeps = {"delta": LIKE, "g": LIKE}

    def start(self, x: Array) -> State:
        return {"delta": np.full_like(x, self.delta_0), "g": np.zeros_like(x)}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        sign = np.sign(g) * np.sign(s["g"])
        eta = np.where(sign > 0, self.eta_plus, np.where(sign < 0, self.eta_minus, 1.0))
        delta = np.clip(s["delta"] * eta, self.delta_min, self.delta_max)
        g = np.where(sign < 0, 0.0, g)
        return x - lr * np.sign(g) * delta, {"delta": delta, "g": g}

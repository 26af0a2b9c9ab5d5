"""The definition of SAM."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class SAM(Optimizer):
    """Foret et al. 2021 (arXiv:2010.01412), algorithm 1, over SGD with momentum. Odd
    updates climb to x + radius (rho) g / |g|, the norm that of all tensors; even ones
    go back to x and descend with the gradient found up there."""

    lr: NonNegative = 1e-2
    momentum: Rate = 0.9
    radius: NonNegative = 0.05

    keeps = {"v": LIKE, "x": LIKE}
    passes = 2

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        return {"norm": np.sqrt(sum(np.sum(g**2) for g in gs.values()))}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        if t % 2:
            norm = s["norm"]
            return x + self.radius * g / norm if norm else x, {"v": s["v"], "x": x}
        v = self.momentum * s["v"] + g + decay * s["x"]
        return s["x"] - lr * v, {"v": v, "x": s["x"]}

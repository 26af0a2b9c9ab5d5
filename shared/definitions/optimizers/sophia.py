"""The definition of Sophia-G."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate, Size


@dataclass(frozen=True, kw_only=True)
class SophiaG(Optimizer):
    """Liu et al. 2023 (arXiv:2305.14342), algorithms 2 and 3. The curvature h comes of
    gradients of the mean loss over `batch_size` examples with labels that the model
    itself drew; they are due before update t where (t - 1) % every is 0."""

    lr: NonNegative = 1e-4
    beta1: Rate = 0.96
    beta2: Rate = 0.99
    gamma: NonNegative = 0.05
    eps: NonNegative = 1e-12
    every: Size = 10
    batch_size: Size = 1
    weight_decay: NonNegative = 0.1

    keeps = {"m": LIKE, "h": LIKE}

    def estimate(self, gs: Weights, state: Weights) -> dict[str, Array]:
        """Give the state with the curvature of these gradients in h."""
        if not state:
            state = {f"{k}/{n}": np.zeros_like(g) for n, g in gs.items() for k in "mh"}
            state["t"] = np.array(0)
        b, beta2 = self.batch_size, self.beta2
        hs = {
            n: beta2 * state[f"h/{n}"] + (1 - beta2) * b * g**2 for n, g in gs.items()
        }
        return {**state, **{f"h/{name}": h for name, h in hs.items()}}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        u = np.clip(m / np.maximum(self.gamma * s["h"], self.eps), -1, 1)
        return x - lr * decay * x - lr * u, {"m": m, "h": s["h"]}

"""The definition of Schedule-free AdamW."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.definitions.optimizers.base import LIKE, SHARED, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class ScheduleFreeAdamW(Optimizer):
    """Defazio et al. 2024 (arXiv:2405.15682), algorithm 1. The model trains y and is
    evaluated at x = (y - (1 - beta1) z) / beta1, which needs no memory of its own.
    Updates weigh as the square of the largest lr so far; decay acts at y."""

    lr: NonNegative = 2.5e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"z": LIKE, "v": LIKE, "largest": SHARED, "whole": SHARED}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta1:
            self.refuse("beta1", self.beta1, "a number above 0, below 1")

    def start(self, x: Array) -> State:
        return {"z": x, "v": np.zeros_like(x)}

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        largest = np.maximum(state["largest"] if state else 0.0, lr)
        whole = (state["whole"] if state else 0.0) + largest**2
        return {"largest": largest, "whole": whole}

    def step(
        self, y: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        c = s["largest"] ** 2 / s["whole"] if s["whole"] else 0.0
        x = (y - (1 - self.beta1) * s["z"]) / self.beta1
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        v_hat = v / (1 - self.beta2**t)
        z = s["z"] - lr * (g / (np.sqrt(v_hat) + self.eps) + decay * y)
        x = (1 - c) * x + c * z
        return (1 - self.beta1) * z + self.beta1 * x, {"z": z, "v": v}

    def evaluated(self, xs: Weights, state: Weights) -> dict[str, Array]:
        beta1 = self.beta1
        return {n: (y - (1 - beta1) * state[f"z/{n}"]) / beta1 for n, y in xs.items()}

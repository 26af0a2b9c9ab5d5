"""The definition of Prodigy."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.definitions.optimizers.base import LIKE, SHARED, Optimizer, State
from shared.fields import NonNegative, Positive, Rate


@dataclass(frozen=True, kw_only=True)
class Prodigy(Optimizer):
    """Mishchenko, Defazio 2023 (arXiv:2306.06101), the Adam version: its step size is
    d, a lower bound of the distance to the solution; all tensors share it. lr is a
    factor of d. The paper has no decay; it is AdamW's, at the rate lr * d.

    p is x - x0, kept as such: while d is tiny, the difference of x and x0 has lost most
    of its digits, and in float32 all.
    """

    lr: NonNegative = 1.0
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    d0: Positive = 1e-6

    keeps = {"m": LIKE, "v": LIKE, "s": LIKE, "p": LIKE, "d": SHARED, "r": SHARED}

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        if not state:
            return {"d": np.array(self.d0), "r": np.array(0.0)}
        d, root = state["d"], np.sqrt(self.beta2)
        inner = -sum(np.sum(g * state[f"p/{name}"]) for name, g in gs.items())
        return {"d": d, "r": root * state["r"] + (1 - root) * lr * d**2 * inner}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        d, root = s["d"], np.sqrt(self.beta2)
        m = self.beta1 * s["m"] + (1 - self.beta1) * d * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * d**2 * g**2
        total = root * s["s"] + (1 - root) * lr * d**2 * g
        u = -lr * d * (decay * x + m / (np.sqrt(v) + d * self.eps))
        return x + u, {"m": m, "v": v, "s": total, "p": s["p"] + u}

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        new_xs, new = super().update(xs, gs, state, lr, excluded)
        whole = sum(np.sum(np.abs(new[f"s/{name}"])) for name in xs)
        d_hat = new["r"] / whole if whole else 0.0
        return new_xs, {**new, "d": np.maximum(new["d"], d_hat)}

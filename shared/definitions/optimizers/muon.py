"""The definition of Muon."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State, adam_step, norm
from shared.fields import NonNegative, Rate, Size


@dataclass(frozen=True, kw_only=True)
class Muon(Optimizer):
    """Jordan et al. 2024 (kellerjordan.github.io/posts/muon) for matrices, scaled as in
    Liu et al. 2025 (arXiv:2502.16982), section 2.2, so that one lr and one decay serve
    AdamW too, which takes all other tensors. No bfloat16: the parameter's precision."""

    lr: NonNegative = 1e-3
    momentum: Rate = 0.95
    nesterov: bool = True
    steps: Size = 5
    beta1: Rate = 0.9
    beta2: Rate = 0.95
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.1

    keeps = {"m": LIKE, "v": LIKE}

    def start(self, x: Array) -> State:
        return {name: np.zeros_like(x) for name in ("m" if x.ndim == 2 else "mv")}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        if x.ndim != 2:
            u, s = adam_step(self, g, s, t)
            return x - lr * decay * x - lr * u, s
        m = self.momentum * s["m"] + g
        o = self.orthogonal(g + self.momentum * m if self.nesterov else m)
        return x - lr * decay * x - lr * 0.2 * np.sqrt(max(x.shape)) * o, {"m": m}

    def orthogonal(self, m: Array) -> Array:
        """Bring singular values near 1, by Newton and Schulz's iteration."""
        if m.shape[0] > m.shape[1]:
            return self.orthogonal(m.T).T
        o = m / (norm(m) + self.eps)
        for _ in range(self.steps):
            a = o @ o.T
            o = 3.4445 * o + (-4.7750 * a + 2.0315 * a @ a) @ o
        return o

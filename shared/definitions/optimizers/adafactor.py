"""The definition of Adafactor."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import (
    COLUMNS,
    LIKE,
    ROWS,
    Optimizer,
    State,
    norm,
)
from shared.fields import NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class Adafactor(Optimizer):
    """Shazeer, Stern 2018 (arXiv:1804.04235), algorithms 4 and 5 with section 8's
    relative step, lr its upper bound. Matrices alone are factored: on where a kernel's
    rows and columns are, frameworks disagree. The paper has no decay; it is AdamW's."""

    lr: NonNegative = 1e-2
    power: NonNegative = 0.8
    eps1: Positive = 1e-30
    eps2: NonNegative = 1e-3
    limit: Positive = 1.0

    keeps = {"r": ROWS, "c": COLUMNS, "v": LIKE}

    def start(self, x: Array) -> State:
        if x.ndim != 2:
            return {"v": np.zeros_like(x)}
        return {"r": np.zeros_like(x[:, 0]), "c": np.zeros_like(x[0])}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        rho = min(lr, t**-0.5)
        alpha = max(self.eps2, norm(x) / np.sqrt(x.size)) * rho
        keep = 1 - t**-self.power
        square = g**2 + self.eps1
        if x.ndim == 2:
            r = keep * s["r"] + (1 - keep) * np.sum(square, 1)
            c = keep * s["c"] + (1 - keep) * np.sum(square, 0)
            s, v = {"r": r, "c": c}, np.outer(r, c) / np.sum(r)
        else:
            v = keep * s["v"] + (1 - keep) * square
            s = {"v": v}
        u = g / np.sqrt(v)
        u = u / max(1.0, norm(u) / np.sqrt(u.size) / self.limit)
        return x - lr * decay * x - alpha * u, s

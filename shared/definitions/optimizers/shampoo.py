"""The definition of Shampoo."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import (
    COLUMNS_COLUMNS,
    LIKE,
    ROWS_ROWS,
    Optimizer,
    State,
)
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Shampoo(Optimizer):
    """Gupta, Koren, Singer 2018 (arXiv:1802.09568), algorithm 1, with the running
    average of gradients of its experiments. Tensors that are no matrices have the
    diagonal.

    The ridge is eps times the largest eigenvalue (Anil et al. 2020, arXiv:2002.09018),
    not a constant: after one huge gradient a constant is lost in the rounding of the
    eigenvalues, and the root with it. The paper has no decay; it is AdamW's.
    """

    lr: NonNegative = 1e-1
    momentum: Rate = 0.9
    eps: NonNegative = 1e-6

    keeps = {"m": LIKE, "l": ROWS_ROWS, "r": COLUMNS_COLUMNS, "v": LIKE}

    def start(self, x: Array) -> State:
        m = np.zeros_like(x)
        if x.ndim != 2:
            return {"m": m, "v": m}
        return {"m": m, "l": np.zeros_like(x @ x.T), "r": np.zeros_like(x.T @ x)}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        m = self.momentum * s["m"] + (1 - self.momentum) * g
        if x.ndim == 2:
            s = {"m": m, "l": s["l"] + g @ g.T, "r": s["r"] + g.T @ g}
            u = self.root(s["l"]) @ m @ self.root(s["r"])
        else:
            s = {"m": m, "v": s["v"] + g**2}
            u = m * self.power(s["v"], -1 / 2)
        return x - lr * decay * x - lr * u, s

    def root(self, a: Array) -> Array:
        """Raise a matrix to the power -1/4."""
        values, vectors = np.linalg.eigh(a)
        return (vectors * self.power(np.maximum(values, 0.0), -1 / 4)) @ vectors.T

    def power(self, values: Array, exponent: float) -> Array:
        """Raise ridged values to a power; 0 stays 0, where no gradient was yet."""
        largest = np.max(values)
        if largest == 0:
            return np.zeros_like(values)
        return (values + self.eps * largest) ** exponent

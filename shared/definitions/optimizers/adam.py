"""The definition of Adam and AMSGrad."""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma, Ba 2015 (arXiv:1412.6980), algorithm 1. Decay is coupled: part of the
    gradient. AMSGrad of Reddi, Kale, Kumar 2018 (arXiv:1904.09237), algorithm 2, takes
    the largest of the raw v; its paper leaves out Adam's corrections of the bias, which
    stay here, as torch and Keras have them.
    """

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    amsgrad: bool = False

    keeps = {"m": LIKE, "v": LIKE, "v_max": LIKE}

    def start(self, x: Array) -> State:
        zeros = super().start(x)
        return zeros if self.amsgrad else {"m": zeros["m"], "v": zeros["v"]}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        kept, largest = {"m": m, "v": v}, v
        if self.amsgrad:
            largest = kept["v_max"] = np.maximum(s["v_max"], v)
        m_hat = m / (1 - self.beta1**t)
        v_hat = largest / (1 - self.beta2**t)
        return x - lr * m_hat / (np.sqrt(v_hat) + self.eps), kept

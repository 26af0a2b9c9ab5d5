"""The definition of LAMB."""

from dataclasses import dataclass

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Layerwise, State, adam_step, norm
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class LAMB(Layerwise):
    """You et al. 2020 (arXiv:1904.00962), algorithm 2, phi(z) = z. The ratio is 1 where
    either norm is 0."""

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 1e-2

    keeps = {"m": LIKE, "v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        u, s = adam_step(self, g, s, t)
        u = u + decay * x
        trusted = self.trust and norm(x) * norm(u)
        ratio = norm(x) / norm(u) if trusted else 1.0
        return x - lr * ratio * u, s

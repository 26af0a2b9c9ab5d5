"""The definition of LARS."""

from dataclasses import dataclass

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Layerwise, State, norm
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class LARS(Layerwise):
    """You, Gitman, Ginsburg 2017 (arXiv:1708.03888), algorithm 1. The ratio is 1 where
    it would be 0 (a tensor that starts at 0 would stay there) or 0 / 0."""

    lr: NonNegative = 1.0
    momentum: Rate = 0.9
    coefficient: NonNegative = 1e-3
    weight_decay: NonNegative = 5e-4

    keeps = {"v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        length, whole = norm(x), norm(g) + decay * norm(x)
        ratio = self.coefficient * length / whole if length * whole else 1.0
        v = self.momentum * s["v"] + lr * (ratio if self.trust else 1.0) * (
            g + decay * x
        )
        return x - v, {"v": v}

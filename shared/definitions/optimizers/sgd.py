"""The definition of Gradient descent and its momenta."""

from dataclasses import dataclass

from shared.arrays import Array
from shared.definitions.optimizers.base import LIKE, Optimizer, State
from shared.fields import NonNegative, Rate


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Robbins, Monro 1951; Polyak 1964 (momentum); Sutskever et al. 2013 (Nesterov).

    Momentum as Sutskever's section 2 after moving lr out of v, so that a schedule acts
    at once on all of v. Decay is coupled: part of the gradient.
    """

    lr: NonNegative = 1e-2
    momentum: Rate = 0.0
    nesterov: bool = False

    keeps = {"v": LIKE}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            self.refuse("momentum", self.momentum, "above 0 with nesterov")

    def start(self, x: Array) -> State:
        return super().start(x) if self.momentum else {}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        if not self.momentum:
            return x - lr * g, {}
        v = self.momentum * s["v"] + g
        if self.nesterov:
            return x - lr * (g + self.momentum * v), {"v": v}
        return x - lr * v, {"v": v}

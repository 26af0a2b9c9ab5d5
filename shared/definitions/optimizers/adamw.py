"""The definition of AdamW."""

from dataclasses import dataclass

from shared.arrays import Array
from shared.definitions.optimizers.adam import Adam
from shared.definitions.optimizers.base import State
from shared.fields import NonNegative


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Loshchilov, Hutter 2019 (arXiv:1711.05101), algorithm 2: the decay is decoupled
    from the gradient. It is multiplied by lr, as all libraries have it."""

    weight_decay: NonNegative = 1e-2

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        return super().step(x - lr * decay * x, g, s, t, lr, 0.0)

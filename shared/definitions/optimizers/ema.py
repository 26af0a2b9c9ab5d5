"""The definition of the moving average of the parameters."""

from dataclasses import dataclass

from shared.arrays import Array, Weights
from shared.fields import Checked, Rate


@dataclass(frozen=True, kw_only=True)
class Ema(Checked):
    """The moving average of the parameters (Polyak, Juditsky 1992, with a constant
    decay): it starts at the first parameters and follows every update."""

    decay: Rate

    def update(self, averages: Weights, xs: Weights) -> dict[str, Array]:
        d = self.decay
        return {name: d * a + (1 - d) * xs[name] for name, a in averages.items()}

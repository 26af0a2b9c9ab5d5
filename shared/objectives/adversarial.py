"""Two players: a generator makes what a discriminator is to tell from data."""

from dataclasses import dataclass
from typing import Literal

from shared.definitions.optimizers import Optimizer
from shared.fields import NonNegative, Size
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.tensors import UNIFORM, Tensor

Game = Literal["original", "non_saturating", "least_squares", "hinge", "wasserstein"]


@dataclass(frozen=True, kw_only=True)
class Adversarial(Objective):
    """The critic's step moves `discriminator.*`, the generator's `generator.*`.

    game: original, the minimax game (Goodfellow et al. 2014, arXiv:1406.2661, eq. 1);
        non_saturating, the generator maximises log D (section 3); least_squares,
        towards 1 of data and 0 of samples (Mao et al. 2016, arXiv:1611.04076, eq. 9);
        hinge (Lim and Ye 2017, arXiv:1705.02894); wasserstein (Arjovsky et al. 2017,
        arXiv:1701.07875).
    penalty: weight of (|gradient of the critic| - 1)^2 at places between data and
        samples (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3); 0 for none.
    every: batches of the critic for one of the generator.
    """

    game: Game
    penalty: NonNegative = 0.0
    every: Size = 1
    critic: Optimizer | None = None
    generator: Optimizer | None = None

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        noise = noise_of(spec)
        between = (Tensor("between", (), drawn=UNIFORM),) if self.penalty else ()
        return (
            Step("critic", ("discriminator.*",), noise + between, 1, self.critic),
            Step("generator", ("generator.*",), noise, self.every, self.generator),
        )

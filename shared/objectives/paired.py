"""Two players over pairs: a generator makes of one picture another, and a discriminator
is shown both."""

from dataclasses import dataclass

from shared.fields import NonNegative
from shared.objectives.adversarial import Game
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class Paired(Objective):
    """The inputs are pictures, and what they are to become (Isola et al. 2016,
    arXiv:1611.07004, equation 4). The critic's step moves `discriminator.*`, and half
    of its loss is minimised; the generator's moves `generator.*`, and its loss is the
    game's (shared/objectives/adversarial.py) and the mean absolute difference,
    `distance`, with this weight. Scores are means over all patches.
    """

    game: Game = "non_saturating"
    distance: NonNegative = 100.0

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        noise = noise_of(spec)
        return (
            Step("critic", ("discriminator.*",), noise),
            Step("generator", ("generator.*",), noise),
        )

"""What keeps the experts of a mixture equally busy while it learns."""

from dataclasses import dataclass, field

from shared.arrays import Arrays
from shared.definitions.losses import CrossEntropy, Loss
from shared.fields import NonNegative, Size
from shared.objectives.base import Objective, Step, Subject, noise_of
from shared.objectives.supervised import Supervised


@dataclass(frozen=True, kw_only=True)
class Balanced(Objective):
    """Fedus et al. 2021 (arXiv:2101.03961), equations 4 to 6: in training the model
    puts out logits and the scores of the routers of all blocks, [B, depth, T, experts].
    The balance of a block and a sequence is the number of experts times the sum, over
    them, of the share of tokens that choose it times the mean of its probability; it is
    summed over blocks, and its mean is over sequences. The share has no gradient. Both
    terms are told, `words` and `balance`.

    loss: of the logits.
    chosen: experts, by each token.
    weight: of the balance.
    """

    loss: Loss = field(default_factory=CrossEntropy)
    chosen: Size = 1
    weight: NonNegative = 0.01

    @property
    def judge(self) -> Loss:
        return self.loss

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("balanced", noise=noise_of(spec)),)

    def wanted(self, spec: Subject, inputs: Arrays, seed: int) -> Arrays:
        return Supervised(loss=self.loss).wanted(spec, inputs, seed)

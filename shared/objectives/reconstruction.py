"""A model gives back what it is shown, though less goes through it, or less arrives."""

from dataclasses import dataclass, field, replace
from typing import Literal

from shared.arrays import Arrays
from shared.definitions.losses import BinaryCrossEntropy, Loss
from shared.fields import NonNegative
from shared.objectives.base import Objective, Step, Subject
from shared.tensors import NORMAL, UNIFORM

Corruption = Literal["none", "masking", "gaussian"]


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Objective):
    """Data is the first input of `forward`, which puts out the reconstruction and then
    the code. Both are told apart: what is minimised is `reconstruction` and, where
    they have a weight, `sparsity` and `contraction`.

    corruption: what the model is shown in training, while the data itself is wanted
        (Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294): masking puts 0
        in place of each number with the chance `level`; gaussian adds normal noise of
        that deviation (Vincent et al. 2010, JMLR 11, section 3.3).
    sparsity: weight of the sum of |code| (Goodfellow et al. 2016, Deep Learning,
        section 14.2.1), mean over the samples.
    contraction: weight of the sum of squares of the code's Jacobian (Rifai et al. 2011,
        ICML, equation 2), mean over the samples; the model's method `jacobian` gives
        it.
    """

    loss: Loss = field(default_factory=BinaryCrossEntropy)
    corruption: Corruption = "none"
    level: NonNegative = 0.0
    sparsity: NonNegative = 0.0
    contraction: NonNegative = 0.0

    @property
    def judge(self) -> Loss:
        return self.loss

    def judged(self, outputs: Arrays) -> Arrays:
        return outputs[:1]

    def judged_against(self, inputs: Arrays, targets: Arrays) -> Arrays:
        """Give the data itself, whatever targets metrics have."""
        return inputs[:1]

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        data, *_ = spec.inputs()
        kinds = {"masking": UNIFORM, "gaussian": NORMAL}
        noise = tuple(
            replace(data, name="noise", drawn=kind)
            for name, kind in kinds.items()
            if name == self.corruption
        )
        return (Step("reconstruction", noise=noise),)

"""The lengths of capsules, and the picture made of one, in one step."""

from dataclasses import dataclass

from shared.fields import NonNegative, Rate
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class CapsuleMargin(Objective):
    """`forward` takes pictures and their classes, and puts out how long each class's
    capsule is, then the picture made of that of the class. Summed over classes, the
    loss is max(0, present - length)^2 of the class, and `weight` times max(0, length -
    absent)^2 of the others (Sabour, Frosst, Hinton 2017, arXiv:1710.09829, equation 4).
    The squared error of the picture, summed over its pixels, is added with the weight
    `reconstruction` (section 4.1). Both are told, `margin` and `reconstruction`.
    """

    present: Rate = 0.9
    absent: Rate = 0.1
    weight: NonNegative = 0.5
    reconstruction: NonNegative = 0.0005

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("capsule_margin", noise=noise_of(spec)),)

"""Every anchor is to say which box it finds, and where that box is."""

from dataclasses import dataclass, field

from shared.definitions.boxes import BoxCoder, Matching
from shared.definitions.schedules import Share
from shared.fields import NonNegative, Positive
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class _Detection(Objective):
    """`forward` puts out, of each of the spec's `anchors`, what it says of the classes,
    of which 0 is the background, and the code of a box. Wanted are the boxes of each
    picture, their classes, and which of them are there, 1 or 0: they are filled up to
    the same number. Both terms are told, `classes` and `boxes`; what is minimised is
    their sum.

    beta: below it the difference of codes is squared (Girshick 2015, arXiv:1504.08083,
        equation 3); at 0 all of it is taken as it is.
    """

    matching: Matching
    coder: BoxCoder = field(default_factory=BoxCoder)
    beta: NonNegative = 1.0


@dataclass(frozen=True, kw_only=True)
class MultiBox(_Detection):
    """Liu et al. 2016 (arXiv:1512.02325), section 2.2: the cross-entropy of the anchors
    that find a box, and of each picture `ratio` times as many that find none, whose
    loss is largest. Both terms are divided by the number of those that find one in the
    batch, or by 1."""

    ratio: Positive = 3.0

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("multibox", noise=noise_of(spec)),)


@dataclass(frozen=True, kw_only=True)
class FocalDetection(_Detection):
    """Lin et al. 2017 (arXiv:1708.02002), equation 5: the focal loss of every class by
    itself, over all anchors that find a box or the background. Both terms are divided,
    in each picture, by the number of those that find a box, or by 1; then the mean.

    alpha: weighs the class that is there; gamma: how much what is sure counts less.
    """

    alpha: Share = 0.25
    gamma: NonNegative = 2.0

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("focal_detection", noise=noise_of(spec)),)

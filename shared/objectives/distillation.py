"""A student learns from labels and from what a teacher says of the same inputs."""

from dataclasses import dataclass, field

from shared.definitions.losses import CrossEntropy, Loss
from shared.definitions.schedules import Share
from shared.fields import Positive
from shared.objectives.base import Objective, Step, Subject, noise_of


@dataclass(frozen=True, kw_only=True)
class Distillation(Objective):
    """Hinton, Vinyals, Dean 2015 (arXiv:1503.02531), section 2: the model has a
    `student`, which is trained, and a `teacher`, which stays as it is and runs in
    evaluation mode. Both terms are told, `labels` and `teacher`.

    loss: of the student's logits and the labels.
    temperature: divides both logits in the teacher's term, which is multiplied with its
        square so that gradients keep their size.
    weight: of the teacher's term; the labels' has the rest.
    """

    loss: Loss = field(default_factory=CrossEntropy)
    temperature: Positive = 2.0
    weight: Share = 0.9

    @property
    def judge(self) -> Loss:
        return self.loss

    def steps(self, spec: Subject) -> tuple[Step, ...]:
        return (Step("distillation", ("student.*",), noise_of(spec)),)

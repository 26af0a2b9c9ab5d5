"""A student and its teacher. Objective: shared/objectives/distillation.py."""

import torch
from torch import Tensor, nn

from pytorch_impl import definitions
from pytorch_impl.losses import DenseCrossEntropy
from pytorch_impl.precision import exact
from shared.objectives.distillation import Distillation

Tensors = tuple[Tensor, ...]


def distillation(
    s: Distillation, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    student, teacher = model.get_submodule("student"), model.get_submodule("teacher")
    training = teacher.training
    teacher.eval()
    with torch.no_grad():
        said = teacher(*inputs, *noise)
    teacher.train(training)
    with exact((student(*inputs, *noise), said)) as (y, said):
        labels = definitions.loss(s.loss)(y, *targets)
        soft = (said / s.temperature).softmax(-1)
        of_teacher = DenseCrossEntropy()(y / s.temperature, soft) * s.temperature**2
        loss = (1 - s.weight) * labels + s.weight * of_teacher
    return {"loss": loss, "labels": labels, "teacher": of_teacher}

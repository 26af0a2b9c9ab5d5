"""A student and its teacher. Objective: shared/objectives/distillation.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions
from keras_impl.losses import DenseCrossEntropy
from keras_impl.precision import exact
from shared.objectives.distillation import Distillation

Tensors = tuple[KerasTensor, ...]


def distillation(
    s: Distillation, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    said = ops.stop_gradient(model.teacher(*inputs, *noise, training=False))
    y, said = exact((model.student(*inputs, *noise, training=True), said))
    labels = definitions.called(definitions.loss(s.loss), len(targets))(y, *targets)
    soft = ops.softmax(said / s.temperature)
    of_teacher = DenseCrossEntropy()(soft, y / s.temperature) * s.temperature**2
    loss = (1 - s.weight) * labels + s.weight * of_teacher
    return {"loss": loss, "labels": labels, "teacher": of_teacher}

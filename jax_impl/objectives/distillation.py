"""A student and its teacher. Objective: shared/objectives/distillation.py."""

from typing import Any

import jax
from jax import Array

from jax_impl import definitions, losses
from jax_impl.precision import exact
from shared.objectives.distillation import Distillation

Arrays = tuple[Array, ...]


def distillation(
    s: Distillation, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    model.teacher.eval()
    said = jax.lax.stop_gradient(model.teacher(*inputs, *noise))
    y, said = exact((model.student(*inputs, *noise), said))
    labels = definitions.loss(s.loss)(y, *targets)
    soft = jax.nn.softmax(said / s.temperature)
    dense = losses.dense_cross_entropy()
    of_teacher = dense(y / s.temperature, soft) * s.temperature**2
    loss = (1 - s.weight) * labels + s.weight * of_teacher
    return {"loss": loss, "labels": labels, "teacher": of_teacher}

"""Lengths of capsules. Objective: shared/objectives/capsule.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl.precision import exact
from shared.objectives.capsule import CapsuleMargin

Tensors = tuple[KerasTensor, ...]


def capsule_margin(
    s: CapsuleMargin,
    model: Any,
    inputs: Tensors,
    targets: Tensors,
    noise: Tensors,
) -> dict[str, KerasTensor]:
    x, label = inputs
    lengths, picture, x = exact((*model(x, label, training=True), x))
    own = ops.one_hot(ops.cast(label, "int32"), lengths.shape[-1]) > 0
    of_own = ops.square(ops.relu(s.present - lengths))
    of_others = s.weight * ops.square(ops.relu(lengths - s.absent))
    margin = ops.mean(ops.sum(ops.where(own, of_own, of_others), 1))
    off = ops.mean(ops.sum(ops.square(picture - x), (1, 2, 3)))
    loss = margin + s.reconstruction * off
    return {"loss": loss, "margin": margin, "reconstruction": off}

"""What is given back. Objective: shared/objectives/reconstruction.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions
from keras_impl.precision import exact
from shared.objectives.reconstruction import Reconstruction

Tensors = tuple[KerasTensor, ...]


def reconstruction(
    s: Reconstruction, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (x,) = inputs
    shown = corrupted(s, x, *noise)
    given = model(shown, training=True)
    given = (*given, model.jacobian(shown)) if s.contraction else given
    y, code, *jacobian, x = exact((*given, x))
    found = {"reconstruction": definitions.loss(s.loss)(x, y)}
    loss = found["reconstruction"]
    if s.sparsity:
        found["sparsity"] = ops.mean(ops.sum(ops.abs(code), 1))
        loss = loss + s.sparsity * found["sparsity"]
    if s.contraction:
        found["contraction"] = ops.mean(ops.sum(ops.square(jacobian[0]), (1, 2)))
        loss = loss + s.contraction * found["contraction"]
    return {"loss": loss, **found}


def corrupted(s: Reconstruction, x: KerasTensor, *noise: KerasTensor) -> KerasTensor:
    if s.corruption == "masking":
        return ops.where(noise[0] < s.level, ops.zeros_like(x), x)
    if s.corruption == "gaussian":
        return x + s.level * noise[0]
    return x

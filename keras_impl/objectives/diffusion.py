"""What noise was put in. Objective: shared/objectives/diffusion.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions
from keras_impl import diffusion as mixing
from keras_impl.precision import exact
from shared.objectives.diffusion import Diffusion

Tensors = tuple[KerasTensor, ...]


def diffusion(
    s: Diffusion, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (x0, *others), (*drawn, mixed) = inputs, noise
    a = ops.cast(_noising(s).alpha_bar(drawn[0]), x0.dtype)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    said, right = exact((model(x, *others, *drawn, training=True), wanted[s.says]))
    return {"loss": ops.mean(ops.square(said - right))}


def _noising(s: Diffusion) -> mixing.Noising:
    kind = getattr(mixing, type(s.noising).__name__)
    return kind(**definitions.settings(s.noising))

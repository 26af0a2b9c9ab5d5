"""What noise was put in. Objective: shared/objectives/diffusion.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions
from keras_impl import diffusion as mixing
from keras_impl.precision import exact
from shared.contract import flat
from shared.objectives.diffusion import Diffusion

Tensors = tuple[KerasTensor, ...]


def diffusion(
    s: Diffusion, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (x0, *label), (time, mixed, *chance) = inputs, noise
    a = ops.cast(definitions.diffusing(s.noising).alpha_bar(time), x0.dtype)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    if s.forgets:
        nothing = ops.full_like(label[0], s.nothing)
        label = [ops.where(chance[0] < s.forgets, nothing, label[0])]
    said, *_ = flat(model(x, *label, time, training=True))
    said, right = exact((said, wanted[s.says]))
    return {"loss": ops.mean(ops.square(said - right))}

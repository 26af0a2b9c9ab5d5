"""What codes give back. Objective: shared/objectives/quantized.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl.precision import exact
from shared.objectives.quantized import Quantized

Tensors = tuple[KerasTensor, ...]


def quantized(
    s: Quantized, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (x,) = inputs
    y, code, nearest, x = exact((*model(x, training=True), x))
    told = {
        "reconstruction": ops.mean(ops.square(y - x)),
        "codebook": ops.mean(ops.square(nearest - ops.stop_gradient(code))),
        "commitment": ops.mean(ops.square(code - ops.stop_gradient(nearest))),
    }
    loss = told["reconstruction"] + told["codebook"]
    return {"loss": loss + s.commitment * told["commitment"], **told}

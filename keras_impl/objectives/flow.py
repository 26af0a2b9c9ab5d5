"""Flows between noise and data. Objectives: shared/objectives/flow.py."""

import math
from typing import Any

from keras import KerasTensor, ops

from keras_impl.precision import exact
from shared.objectives.flow import FlowLikelihood, FlowMatching

Tensors = tuple[KerasTensor, ...]


def likelihood(
    s: FlowLikelihood, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (x,) = inputs
    if s.levels:
        x = x + noise[0] / s.levels
    z, log_determinant = exact(model(x, training=True))
    lost = (ops.sum(ops.square(z), -1) + z.shape[-1] * math.log(2 * math.pi)) / 2
    told = {"noise": ops.mean(lost), "determinant": ops.mean(log_determinant)}
    return {"loss": told["noise"] - told["determinant"], **told}


def matching(
    s: FlowMatching, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (data,), (time, begin) = inputs, noise
    share = ops.reshape(time, (-1, *(1,) * (len(data.shape) - 1)))
    x = (1 - share) * begin + share * data
    said, right = exact((model(x, time, training=True), data - begin))
    return {"loss": ops.mean(ops.square(said - right))}

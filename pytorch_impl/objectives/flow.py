"""Flows between noise and data. Objectives: shared/objectives/flow.py."""

import math
from typing import Any

from torch import Tensor

from pytorch_impl.precision import exact
from shared.objectives.flow import FlowLikelihood, FlowMatching

Tensors = tuple[Tensor, ...]


def likelihood(
    s: FlowLikelihood, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (x,) = inputs
    if s.levels:
        x = x + noise[0] / s.levels
    with exact(model(x)) as (z, log_determinant):
        lost = (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi)) / 2
        told = {"noise": lost.mean(), "determinant": log_determinant.mean()}
        return {"loss": told["noise"] - told["determinant"], **told}


def matching(
    s: FlowMatching, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (data,), (time, begin) = inputs, noise
    share = time.reshape(-1, *(1,) * (data.ndim - 1))
    x = (1 - share) * begin + share * data
    with exact((model(x, time), data - begin)) as (said, right):
        return {"loss": (said - right).square().mean()}

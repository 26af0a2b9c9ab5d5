"""Flows between noise and data. Objectives: shared/objectives/flow.py."""

import math
from typing import Any

import jax.numpy as jnp
from jax import Array

from jax_impl.precision import exact
from shared.objectives.flow import FlowLikelihood, FlowMatching

Arrays = tuple[Array, ...]


def likelihood(
    s: FlowLikelihood, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (x,) = inputs
    if s.levels:
        x = x + noise[0] / s.levels
    z, log_determinant = exact(model(x))
    lost = (jnp.square(z).sum(-1) + z.shape[-1] * math.log(2 * math.pi)) / 2
    told = {"noise": lost.mean(), "determinant": log_determinant.mean()}
    return {"loss": told["noise"] - told["determinant"], **told}


def matching(
    s: FlowMatching, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (data,), (time, begin) = inputs, noise
    share = time.reshape(-1, *(1,) * (data.ndim - 1))
    x = (1 - share) * begin + share * data
    said, right = exact((model(x, time), data - begin))
    return {"loss": jnp.square(said - right).mean()}

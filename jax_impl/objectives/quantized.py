"""What codes give back. Objective: shared/objectives/quantized.py."""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from jax_impl.precision import exact
from shared.objectives.quantized import Quantized

Arrays = tuple[Array, ...]


def quantized(
    s: Quantized, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (x,) = inputs
    y, code, nearest, x = exact((*model(x), x))
    told = {
        "reconstruction": jnp.square(y - x).mean(),
        "codebook": jnp.square(nearest - lax.stop_gradient(code)).mean(),
        "commitment": jnp.square(code - lax.stop_gradient(nearest)).mean(),
    }
    loss = told["reconstruction"] + told["codebook"]
    return {"loss": loss + s.commitment * told["commitment"], **told}

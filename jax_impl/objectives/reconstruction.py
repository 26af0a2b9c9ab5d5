"""What is given back. Objective: shared/objectives/reconstruction.py."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jax_impl import definitions
from jax_impl.precision import exact
from shared.objectives.reconstruction import Reconstruction

Arrays = tuple[Array, ...]


def reconstruction(
    s: Reconstruction, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (x,) = inputs
    shown = corrupted(s, x, *noise)
    given = (*model(shown), model.jacobian(shown)) if s.contraction else model(shown)
    y, code, *jacobian, x = exact((*given, x))
    found = {"reconstruction": definitions.loss(s.loss)(y, x)}
    loss = found["reconstruction"]
    if s.sparsity:
        found["sparsity"] = jnp.abs(code).sum(1).mean()
        loss = loss + s.sparsity * found["sparsity"]
    if s.contraction:
        found["contraction"] = jnp.square(jacobian[0]).sum((1, 2)).mean()
        loss = loss + s.contraction * found["contraction"]
    return {"loss": loss, **found}


def corrupted(s: Reconstruction, x: Array, *noise: Array) -> Array:
    if s.corruption == "masking":
        return jnp.where(noise[0] < s.level, 0.0, x)
    if s.corruption == "gaussian":
        return x + s.level * noise[0]
    return x

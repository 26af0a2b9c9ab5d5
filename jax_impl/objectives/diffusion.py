"""What noise was put in. Objective: shared/objectives/diffusion.py."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jax_impl import definitions
from jax_impl import diffusion as mixing
from jax_impl.precision import exact
from shared.objectives.diffusion import Diffusion

Arrays = tuple[Array, ...]


def diffusion(
    s: Diffusion, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (x0, *others), (*drawn, mixed) = inputs, noise
    a = _noising(s).alpha_bar(drawn[0]).astype(x0.dtype)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    said, right = exact((model(x, *others, *drawn), wanted[s.says]))
    return {"loss": jnp.square(said - right).mean()}


def _noising(s: Diffusion) -> mixing.Noising:
    kind = getattr(mixing, type(s.noising).__name__)
    return kind(**definitions.settings(s.noising))

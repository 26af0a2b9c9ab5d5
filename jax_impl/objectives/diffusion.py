"""What noise was put in. Objective: shared/objectives/diffusion.py."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jax_impl import definitions
from jax_impl import diffusion as mixing
from jax_impl.precision import exact
from shared.contract import flat
from shared.objectives.diffusion import Diffusion

Arrays = tuple[Array, ...]


def diffusion(
    s: Diffusion, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (x0, *label), (time, mixed, *chance) = inputs, noise
    a = definitions.diffusing(s.noising).alpha_bar(time).astype(x0.dtype)
    x = mixing.noised(x0, mixed, a)
    wanted = {"noise": mixed, "data": x0, "velocity": mixing.velocity(x0, mixed, a)}
    if s.forgets:
        label = [jnp.where(chance[0] < s.forgets, s.nothing, label[0])]
    said, *_ = flat(model(x, *label, time))
    said, right = exact((said, wanted[s.says]))
    return {"loss": jnp.square(said - right).mean()}

"""Two players over pairs. Objective: shared/objectives/paired.py."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jax_impl.objectives.adversarial import critics_loss, generators_loss
from jax_impl.precision import exact
from shared.objectives.paired import Paired

Arrays = tuple[Array, ...]


def critic(
    s: Paired, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    image, picture = inputs
    made = jax.lax.stop_gradient(model.generator(image))
    of_real = model.discriminator(image, picture)
    of_real, of_made = exact((of_real, model.discriminator(image, made)))
    loss = critics_loss(s.game, of_real, of_made) / 2
    return {"loss": loss, "real": of_real.mean(), "made": of_made.mean()}


def generator(
    s: Paired, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    image, picture = inputs
    made = model.generator(image)
    scores = model.discriminator(image, made)
    of_made, made, picture = exact((scores, made, picture))
    game = generators_loss(s.game, of_made)
    distance = jnp.abs(made - picture).mean()
    loss = game + s.distance * distance
    return {"loss": loss, "game": game, "distance": distance}

"""Two players. Objective: shared/objectives/adversarial.py.

Scores are real numbers; where the game speaks of probabilities they are logits.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.losses import root
from jax_impl.precision import exact
from shared.objectives.adversarial import Adversarial, Game

Arrays = tuple[Array, ...]


def critic(
    s: Adversarial, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (real,), (z, *between) = inputs, noise
    made = jax.lax.stop_gradient(model.generator(z))
    of_real, of_made = exact((model.discriminator(real), model.discriminator(made)))
    loss = critics_loss(s.game, of_real, of_made)
    found = {"loss": loss, "real": of_real.mean(), "made": of_made.mean()}
    if s.penalty:
        found["penalty"] = gradient_penalty(model.discriminator, real, made, *between)
        found["loss"] = loss + s.penalty * found["penalty"]
    return found


def generator(
    s: Adversarial, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    (z,) = noise
    (of_made,) = exact((model.discriminator(model.generator(z)),))
    return {"loss": generators_loss(s.game, of_made)}


def critics_loss(game: Game, of_real: Array, of_made: Array) -> Array:
    if game == "least_squares":
        return (jnp.square(of_real - 1).mean() + jnp.square(of_made).mean()) / 2
    if game == "hinge":
        return nnx.relu(1 - of_real).mean() + nnx.relu(1 + of_made).mean()
    if game == "wasserstein":
        return of_made.mean() - of_real.mean()
    return nnx.softplus(-of_real).mean() + nnx.softplus(of_made).mean()


def generators_loss(game: Game, of_made: Array) -> Array:
    if game == "original":
        return -nnx.softplus(of_made).mean()
    if game == "non_saturating":
        return nnx.softplus(-of_made).mean()
    if game == "least_squares":
        return jnp.square(of_made - 1).mean() / 2
    return -of_made.mean()


def gradient_penalty(
    discriminator: Any, real: Array, made: Array, between: Array
) -> Array:
    """Give the mean of (|gradient| - 1)^2 between data and samples
    (arXiv:1704.00028, eq. 3)."""
    share = between.reshape(-1, *(1,) * (real.ndim - 1))
    x = share * real + (1 - share) * made
    graph, state = nnx.split(discriminator)

    def scores(x: Array) -> Array:
        (found,) = exact((nnx.merge(graph, state)(x),))
        return found.sum()

    slope = jax.grad(scores)(x).reshape(len(x), -1)
    norms = root(jnp.square(slope).sum(1))
    return jnp.square(norms - 1).mean()

"""Two players. Objective: shared/objectives/adversarial.py.

Scores are real numbers; where the game speaks of probabilities they are logits.
"""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import backends
from keras_impl.losses import root
from keras_impl.precision import exact
from shared.objectives.adversarial import Adversarial, Game

Tensors = tuple[KerasTensor, ...]


def critic(
    s: Adversarial, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (real,), (z, *between) = inputs, noise
    made = ops.stop_gradient(model.generator(z, training=True))
    of_real = model.discriminator(real, training=True)
    of_real, of_made = exact((of_real, model.discriminator(made, training=True)))
    loss = critics_loss(s.game, of_real, of_made)
    found = {"loss": loss, "real": ops.mean(of_real), "made": ops.mean(of_made)}
    if s.penalty:
        found["penalty"] = gradient_penalty(model.discriminator, real, made, *between)
        found["loss"] = loss + s.penalty * found["penalty"]
    return found


def generator(
    s: Adversarial, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    (z,) = noise
    made = model.generator(z, training=True)
    (of_made,) = exact((model.discriminator(made, training=True),))
    return {"loss": generators_loss(s.game, of_made)}


def critics_loss(game: Game, of_real: KerasTensor, of_made: KerasTensor) -> KerasTensor:
    if game == "least_squares":
        off = ops.mean(ops.square(of_real - 1)) + ops.mean(ops.square(of_made))
        return off / 2
    if game == "hinge":
        return ops.mean(ops.relu(1 - of_real)) + ops.mean(ops.relu(1 + of_made))
    if game == "wasserstein":
        return ops.mean(of_made) - ops.mean(of_real)
    return ops.mean(ops.softplus(-of_real)) + ops.mean(ops.softplus(of_made))


def generators_loss(game: Game, of_made: KerasTensor) -> KerasTensor:
    if game == "original":
        return -ops.mean(ops.softplus(of_made))
    if game == "non_saturating":
        return ops.mean(ops.softplus(-of_made))
    if game == "least_squares":
        return ops.mean(ops.square(of_made - 1)) / 2
    return -ops.mean(of_made)


def gradient_penalty(
    discriminator: Any, real: KerasTensor, made: KerasTensor, between: KerasTensor
) -> KerasTensor:
    """Give the mean of (|gradient| - 1)^2 between data and samples
    (arXiv:1704.00028, eq. 3)."""
    real, made, between = exact((real, made, between))
    share = ops.reshape(between, (-1, *(1,) * (len(real.shape) - 1)))
    x = share * real + (1 - share) * made

    def scores(x: KerasTensor) -> KerasTensor:
        (found,) = exact((discriminator(x, training=True),))
        return ops.sum(found)

    slope = backends.slope(scores, x)
    slope = ops.reshape(slope, (-1, backends.size(x)))
    norms = root(ops.sum(ops.square(slope), 1))
    return ops.mean(ops.square(norms - 1))

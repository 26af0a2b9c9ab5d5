"""Two players over pairs. Objective: shared/objectives/paired.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl.objectives.adversarial import critics_loss, generators_loss
from keras_impl.precision import exact
from shared.objectives.paired import Paired

Tensors = tuple[KerasTensor, ...]


def critic(
    s: Paired, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    image, picture = inputs
    made = ops.stop_gradient(model.generator(image, training=True))
    of_real = model.discriminator(image, picture, training=True)
    of_made = model.discriminator(image, made, training=True)
    of_real, of_made = exact((of_real, of_made))
    loss = critics_loss(s.game, of_real, of_made) / 2
    return {"loss": loss, "real": ops.mean(of_real), "made": ops.mean(of_made)}


def generator(
    s: Paired, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    image, picture = inputs
    made = model.generator(image, training=True)
    scores = model.discriminator(image, made, training=True)
    of_made, made, picture = exact((scores, made, picture))
    game = generators_loss(s.game, of_made)
    distance = ops.mean(ops.abs(made - picture))
    loss = game + s.distance * distance
    return {"loss": loss, "game": game, "distance": distance}

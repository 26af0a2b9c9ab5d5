"""Two players over pairs. Objective: shared/objectives/paired.py."""

from typing import Any

import torch
from torch import Tensor

from pytorch_impl.objectives.adversarial import critics_loss, generators_loss
from pytorch_impl.precision import exact
from shared.objectives.paired import Paired

Tensors = tuple[Tensor, ...]


def critic(
    s: Paired, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    image, picture = inputs
    with torch.no_grad():
        made = model.generator(image)
    of_real = model.discriminator(image, picture)
    with exact((of_real, model.discriminator(image, made))) as (of_real, of_made):
        loss = critics_loss(s.game, of_real, of_made) / 2
        return {"loss": loss, "real": of_real.mean(), "made": of_made.mean()}


def generator(
    s: Paired, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    image, picture = inputs
    made = model.generator(image)
    scores = model.discriminator(image, made)
    with exact((scores, made, picture)) as (of_made, made, picture):
        game = generators_loss(s.game, of_made)
        distance = (made - picture).abs().mean()
        loss = game + s.distance * distance
        return {"loss": loss, "game": game, "distance": distance}

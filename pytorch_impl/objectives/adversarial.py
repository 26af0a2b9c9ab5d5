"""Two players. Objective: shared/objectives/adversarial.py.

Scores are real numbers; where the game speaks of probabilities they are logits.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.losses import root
from pytorch_impl.precision import exact
from shared.objectives.adversarial import Adversarial, Game

Tensors = tuple[Tensor, ...]


def critic(
    s: Adversarial, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (real,), (z, *between) = inputs, noise
    with torch.no_grad():
        made = model.generator(z)
    with exact((model.discriminator(real), model.discriminator(made))) as scores:
        of_real, of_made = scores
        loss = critics_loss(s.game, of_real, of_made)
    found = {"loss": loss, "real": of_real.mean(), "made": of_made.mean()}
    if s.penalty:
        found["penalty"] = gradient_penalty(model.discriminator, real, made, *between)
        found["loss"] = loss + s.penalty * found["penalty"]
    return found


def generator(
    s: Adversarial, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (z,) = noise
    with exact((model.discriminator(model.generator(z)),)) as (of_made,):
        return {"loss": generators_loss(s.game, of_made)}


def critics_loss(game: Game, of_real: Tensor, of_made: Tensor) -> Tensor:
    if game == "least_squares":
        return ((of_real - 1).square().mean() + of_made.square().mean()) / 2
    if game == "hinge":
        return F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean()
    if game == "wasserstein":
        return of_made.mean() - of_real.mean()
    return F.softplus(-of_real).mean() + F.softplus(of_made).mean()


def generators_loss(game: Game, of_made: Tensor) -> Tensor:
    if game == "original":
        return -F.softplus(of_made).mean()
    if game == "non_saturating":
        return F.softplus(-of_made).mean()
    if game == "least_squares":
        return (of_made - 1).square().mean() / 2
    return -of_made.mean()


def gradient_penalty(
    discriminator: nn.Module, real: Tensor, made: Tensor, between: Tensor
) -> Tensor:
    """Give the mean of (|gradient| - 1)^2 between data and samples
    (arXiv:1704.00028, eq. 3)."""
    share = between.reshape(-1, *(1,) * (real.ndim - 1))
    x = (share * real + (1 - share) * made).requires_grad_()
    with exact((discriminator(x),)) as (scores,):
        (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        norms = root(slope.flatten(1).square().sum(1))
        return (norms - 1).square().mean()

"""Two players. Objective: shared/objectives/adversarial.py.

Scores are real numbers; where the game speaks of probabilities they are logits.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.losses import root
from pytorch_impl.precision import exact
from shared.objectives.adversarial import Adversarial

Tensors = tuple[Tensor, ...]


def critic(
    s: Adversarial, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (real,), (z, *between) = inputs, noise
    with torch.no_grad():
        made = model.generator(z)
    with exact((model.discriminator(real), model.discriminator(made))) as scores:
        of_real, of_made = scores
        if s.game == "hinge":
            loss = F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean()
        elif s.game == "wasserstein":
            loss = of_made.mean() - of_real.mean()
        else:
            loss = F.softplus(-of_real).mean() + F.softplus(of_made).mean()
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
        if s.game == "original":
            loss = -F.softplus(of_made).mean()
        elif s.game == "non_saturating":
            loss = F.softplus(-of_made).mean()
        else:
            loss = -of_made.mean()
    return {"loss": loss}


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

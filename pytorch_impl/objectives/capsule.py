"""Lengths of capsules. Objective: shared/objectives/capsule.py."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.precision import exact
from shared.objectives.capsule import CapsuleMargin

Tensors = tuple[Tensor, ...]


def capsule_margin(
    s: CapsuleMargin,
    model: nn.Module,
    inputs: Tensors,
    targets: Tensors,
    noise: Tensors,
) -> dict[str, Tensor]:
    x, label = inputs
    with exact((*model(x, label), x)) as (lengths, picture, x):
        own = F.one_hot(label.long(), lengths.shape[-1]) > 0
        of_own = F.relu(s.present - lengths).square()
        of_others = s.weight * F.relu(lengths - s.absent).square()
        margin = torch.where(own, of_own, of_others).sum(1).mean()
        off = (picture - x).square().sum((1, 2, 3)).mean()
        loss = margin + s.reconstruction * off
    return {"loss": loss, "margin": margin, "reconstruction": off}

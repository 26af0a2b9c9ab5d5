"""What is given back. Objective: shared/objectives/reconstruction.py."""

from typing import Any

import torch
from torch import Tensor

from pytorch_impl import definitions
from pytorch_impl.precision import exact
from shared.objectives.reconstruction import Reconstruction

Tensors = tuple[Tensor, ...]


def reconstruction(
    s: Reconstruction, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (x,) = inputs
    shown = corrupted(s, x, *noise)
    given = (*model(shown), model.jacobian(shown)) if s.contraction else model(shown)
    with exact((*given, x)) as (y, code, *jacobian, x):
        found = {"reconstruction": definitions.loss(s.loss)(y, x)}
        loss = found["reconstruction"]
        if s.sparsity:
            found["sparsity"] = code.abs().sum(1).mean()
            loss = loss + s.sparsity * found["sparsity"]
        if s.contraction:
            found["contraction"] = jacobian[0].square().sum((1, 2)).mean()
            loss = loss + s.contraction * found["contraction"]
        return {"loss": loss, **found}


def corrupted(s: Reconstruction, x: Tensor, *noise: Tensor) -> Tensor:
    if s.corruption == "masking":
        return torch.where(noise[0] < s.level, 0.0, x)
    if s.corruption == "gaussian":
        return x + s.level * noise[0]
    return x

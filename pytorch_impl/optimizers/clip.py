"""What bounds the gradients before an update; in place, as torch's own clip_grad_*."""

import torch
from torch import Tensor

from .base import Tensors


def clip_by_value(gs: Tensors, limit: float) -> None:
    torch._foreach_clamp_min_(gs, -limit)
    torch._foreach_clamp_max_(gs, limit)


def clip_by_norm(gs: Tensors, limit: float) -> None:
    for g, norm in zip(gs, torch._foreach_norm(gs), strict=True):
        g.mul_(_shrink(norm, limit))


def clip_by_global_norm(gs: Tensors, limit: float) -> None:
    # DIFF(clip-norm): torch's clip_grad_norm_ adds 1e-6 to the norm.
    norm = torch.stack(torch._foreach_norm(gs)).norm()
    torch._foreach_mul_(gs, _shrink(norm, limit))


def _shrink(norm: Tensor, limit: float) -> Tensor:
    return torch.where(norm > limit, limit / norm.clamp(min=limit), 1.0)

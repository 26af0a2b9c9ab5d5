"""Rprop in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import Optimizer, Tensors, coupled


class Rprop(Optimizer):
    keeps = ("delta", "g")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        delta_0: float = 0.1,
        delta_min: float = 1e-6,
        delta_max: float = 50.0,
        eta_minus: float = 0.5,
        eta_plus: float = 1.2,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start_in(self, group: dict[str, Any], p: Tensor) -> dict[str, Tensor]:
        return {
            "delta": torch.full_like(p, group["delta_0"]),
            "g": torch.zeros_like(p),
        }

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        deltas, befores = s
        gs = coupled(gs, ps, group["weight_decay"])
        signs = torch._foreach_sign(gs)
        flips = torch._foreach_mul(signs, torch._foreach_sign(befores))
        kept, turned = (
            torch._foreach_clamp_min(flips, 0.0),
            torch._foreach_clamp_max(flips, 0.0),
        )
        steps = torch._foreach_add(turned, 1.0)  # 0 where the sign turned
        torch._foreach_mul_(kept, group["eta_plus"] - 1)
        torch._foreach_add_(kept, turned, alpha=1 - group["eta_minus"])
        torch._foreach_add_(kept, 1.0)
        torch._foreach_mul_(deltas, kept)
        torch._foreach_clamp_min_(deltas, group["delta_min"])
        torch._foreach_clamp_max_(deltas, group["delta_max"])
        torch._foreach_copy_(befores, torch._foreach_mul(gs, steps))
        torch._foreach_mul_(steps, signs)
        torch._foreach_addcmul_(ps, steps, deltas, -group["lr"])

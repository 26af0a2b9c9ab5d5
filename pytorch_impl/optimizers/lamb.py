"""LAMB in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, adam_step, norms


class LAMB(Optimizer):
    """Adam with a trust ratio for each tensor. trust: as in LARS."""

    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        trust: bool = True,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        us = adam_step(group, gs, *s)
        if group["weight_decay"]:
            torch._foreach_add_(us, ps, alpha=group["weight_decay"])
        if group["trust"]:
            lengths, steps = norms(ps), norms(us)
            ratios = torch.where(lengths * steps > 0, lengths / steps, 1.0)
            torch._foreach_mul_(us, list(ratios))
        torch._foreach_add_(ps, us, alpha=-group["lr"])

"""Adamax in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled


class Adamax(Optimizer):
    keeps = ("m", "u")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, us = s
        beta1, t = group["beta1"], group["t"]
        gs = coupled(gs, ps, group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(us, group["beta2"])
        torch._foreach_maximum_(us, torch._foreach_abs(gs))
        below = torch._foreach_add(us, group["eps"])
        torch._foreach_addcdiv_(ps, ms, below, -group["lr"] / (1 - beta1**t))

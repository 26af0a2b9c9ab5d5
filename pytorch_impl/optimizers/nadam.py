"""NAdam in PyTorch."""

import math
from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled


class NAdam(Optimizer):
    keeps = ("m", "n")
    once = {"mu": 1.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, ns = s
        lr, beta1, beta2, t = group["lr"], group["beta1"], group["beta2"], group["t"]
        now, then = (
            beta1 * (1 - 0.5 * 0.96 ** (i * group["momentum_decay"]))
            for i in (t, t + 1)
        )
        group["mu"] *= now
        gs = coupled(gs, ps, group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(ns, beta2)
        torch._foreach_addcmul_(ns, gs, gs, 1 - beta2)
        roots = torch._foreach_sqrt(ns)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -lr * then / (1 - group["mu"] * then))
        torch._foreach_addcdiv_(ps, gs, roots, -lr * (1 - now) / (1 - group["mu"]))

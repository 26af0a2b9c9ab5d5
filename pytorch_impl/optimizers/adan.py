"""Adan in PyTorch."""

import math
from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors


class Adan(Optimizer):
    keeps = ("m", "v", "n", "g")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 2e-2,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, ns, before = s
        beta1, beta2, beta3 = group["beta1"], group["beta2"], group["beta3"]
        lr, t = group["lr"], group["t"]
        if t == 1:
            torch._foreach_copy_(before, gs)
        ds = torch._foreach_sub(gs, before)
        ahead = torch._foreach_add(gs, ds, alpha=beta2)
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_lerp_(vs, ds, 1 - beta2)
        torch._foreach_mul_(ns, beta3)
        torch._foreach_addcmul_(ns, ahead, ahead, 1 - beta3)
        torch._foreach_copy_(before, gs)
        roots = torch._foreach_sqrt(ns)
        torch._foreach_div_(roots, math.sqrt(1 - beta3**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -lr / (1 - beta1**t))
        torch._foreach_addcdiv_(ps, vs, roots, -lr * beta2 / (1 - beta2**t))
        torch._foreach_div_(ps, 1 + lr * group["weight_decay"])

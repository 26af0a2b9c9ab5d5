"""Prodigy in PyTorch."""

import math
from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Ready, Tensors


class Prodigy(Optimizer):
    """d is one for all groups; a group's lr is its own factor of it."""

    keeps = ("m", "v", "s", "p")
    once = {"d": 0.0, "r": 0.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        d0: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update_all(self, ready: list[Ready]) -> None:
        groups = self.param_groups
        d = max(group["d"] or group["d0"] for group in groups)
        r = max((group["r"] for group in groups), key=abs) * self.root
        for group in groups:
            group["d"] = d
        for group, _, gs, (*_, moved) in ready:
            inner = sum(x.sum() for x in torch._foreach_mul(gs, moved))
            r -= (1 - self.root) * group["lr"] * d**2 * float(inner)
        super().update_all(ready)
        sums = [total for *_, kept in ready for total in kept[2]]
        whole = float(sum(torch._foreach_norm(sums, 1)))
        for group in groups:
            group["r"], group["d"] = r, max(d, r / whole if whole else 0.0)

    @property
    def root(self) -> float:
        """How much of r and s is kept."""
        return math.sqrt(self.param_groups[0]["beta2"])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, totals, moved = s
        d, lr, beta2 = group["d"], group["lr"], group["beta2"]
        torch._foreach_mul_(ms, group["beta1"])
        torch._foreach_add_(ms, gs, alpha=(1 - group["beta1"]) * d)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, (1 - beta2) * d**2)
        torch._foreach_mul_(totals, self.root)
        torch._foreach_add_(totals, gs, alpha=(1 - self.root) * lr * d**2)
        roots = torch._foreach_sqrt(vs)
        torch._foreach_add_(roots, d * group["eps"])
        us = torch._foreach_div(ms, roots)
        torch._foreach_add_(us, ps, alpha=group["weight_decay"])
        torch._foreach_add_(ps, us, alpha=-lr * d)
        torch._foreach_add_(moved, us, alpha=-lr * d)

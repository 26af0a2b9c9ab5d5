"""Muon in PyTorch."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import Optimizer, Tensors, adam_step


class Muon(Optimizer):
    """Tensors that are no matrices are AdamW's. So should be, in a second optimizer, an
    embedding and the last layer, as the authors have it."""

    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        steps: int = 5,
        beta1: float = 0.9,
        beta2: float = 0.95,
        eps: float = 1e-8,
        weight_decay: float = 0.1,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name in ("m" if p.ndim == 2 else "mv")}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        rows = list(zip(ps, gs, *s, strict=True))
        matrices = [row[:3] for row in rows if row[0].ndim == 2]
        others = [row for row in rows if row[0].ndim != 2]
        if matrices:
            self.turn(group, *zip(*matrices, strict=True))
        if others:
            ps, gs, ms, vs = zip(*others, strict=True)
            us = adam_step(group, gs, ms, vs)
            torch._foreach_add_(ps, us, alpha=-group["lr"])

    def turn(self, group: dict[str, Any], *s: Any) -> None:
        """Update all matrices."""
        ps, gs, ms = s
        torch._foreach_mul_(ms, group["momentum"])
        torch._foreach_add_(ms, gs)
        us = ms
        if group["nesterov"]:
            us = torch._foreach_add(gs, ms, alpha=group["momentum"])
        for p, u in zip(ps, us, strict=True):
            o = orthogonal(u, group["steps"], group["eps"])
            p.add_(o, alpha=-group["lr"] * 0.2 * math.sqrt(max(p.shape)))


def orthogonal(m: Tensor, steps: int, eps: float) -> Tensor:
    """Bring singular values near 1, by Newton and Schulz's iteration."""
    if m.shape[0] > m.shape[1]:
        return orthogonal(m.T, steps, eps).T
    o = m / (m.norm() + eps)
    for _ in range(steps):
        a = o @ o.T
        o = torch.addmm(
            o, torch.addmm(a, a, a, beta=-4.7750, alpha=2.0315), o, beta=3.4445
        )
    return o

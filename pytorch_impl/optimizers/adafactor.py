"""Adafactor in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import Optimizer, Tensors, norms


class Adafactor(Optimizer):
    keeps = ("r", "c", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        power: float = 0.8,
        eps1: float = 1e-30,
        eps2: float = 1e-3,
        limit: float = 1.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        if p.ndim != 2:
            return {"v": torch.zeros_like(p)}
        return {"r": torch.zeros_like(p[:, 0]), "c": torch.zeros_like(p[0])}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        lr, t = group["lr"], group["t"]
        keep = 1 - t ** -group["power"]
        squares = torch._foreach_mul(gs, gs)
        torch._foreach_add_(squares, group["eps1"])
        kept = zip(squares, *s, strict=True)
        us = torch._foreach_sqrt([self.squares(keep, *one) for one in kept])
        us = torch._foreach_div(gs, us)
        roots = torch.tensor([p.numel() ** 0.5 for p in ps]).to(us[0])
        alphas = (norms(ps) / roots).clamp(min=group["eps2"]) * min(lr, t**-0.5)
        limits = (norms(us) / roots / group["limit"]).clamp(min=1.0)
        torch._foreach_mul_(us, list(-alphas / limits))
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - lr * group["weight_decay"])
        torch._foreach_add_(ps, us)

    def squares(self, keep: float, square: Tensor, r: Any, c: Any, v: Any) -> Tensor:
        """The average of one tensor's squares, factored where it is a matrix."""
        if v is not None:
            return v.mul_(keep).add_(square, alpha=1 - keep)
        r.mul_(keep).add_(square.sum(1), alpha=1 - keep)
        c.mul_(keep).add_(square.sum(0), alpha=1 - keep)
        return torch.outer(r, c) / r.sum()

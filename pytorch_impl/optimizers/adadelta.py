"""Adadelta in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled


class Adadelta(Optimizer):
    keeps = ("E_g", "E_d")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        rho: float = 0.95,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        E_gs, E_ds = s
        rho, eps = group["rho"], group["eps"]
        gs = coupled(gs, ps, group["weight_decay"])
        torch._foreach_mul_(E_gs, rho)
        torch._foreach_addcmul_(E_gs, gs, gs, 1 - rho)
        ds = torch._foreach_add(E_ds, eps)
        torch._foreach_div_(ds, torch._foreach_add(E_gs, eps))
        torch._foreach_sqrt_(ds)
        torch._foreach_mul_(ds, gs)
        torch._foreach_mul_(E_ds, rho)
        torch._foreach_addcmul_(E_ds, ds, ds, 1 - rho)
        torch._foreach_add_(ps, ds, alpha=-group["lr"])

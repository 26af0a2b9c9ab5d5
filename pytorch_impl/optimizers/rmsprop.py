"""RMSprop in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled


class RMSprop(Optimizer):
    keeps = ("n", "m", "d")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        rho: float = 0.9,
        eps: float = 1e-8,
        centred: bool = False,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        needed = {"n": True, "m": group["centred"], "d": group["momentum"] > 0}
        return tuple(name for name in self.keeps if needed[name])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ns, *others = s
        rho = group["rho"]
        gs = coupled(gs, ps, group["weight_decay"])
        torch._foreach_mul_(ns, rho)
        torch._foreach_addcmul_(ns, gs, gs, 1 - rho)
        spreads = ns
        if group["centred"]:
            ms = others[0]
            torch._foreach_lerp_(ms, gs, 1 - rho)
            spreads = torch._foreach_addcmul(ns, ms, ms, -1)
        roots = torch._foreach_add(spreads, group["eps"])
        torch._foreach_sqrt_(roots)
        if group["momentum"]:
            ds = others[-1]
            torch._foreach_mul_(ds, group["momentum"])
            torch._foreach_addcdiv_(ds, gs, roots)
            torch._foreach_add_(ps, ds, alpha=-group["lr"])
        else:
            torch._foreach_addcdiv_(ps, gs, roots, -group["lr"])

"""Gradient descent and its momenta in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled, fusable


class SGD(Optimizer):
    keeps = ("v",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return self.keeps if group["momentum"] else ()

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        mu, lr, decay = group["momentum"], group["lr"], group["weight_decay"]
        if not mu:
            gs = coupled(gs, ps, decay)
            torch._foreach_add_(ps, gs, alpha=-lr)
            return
        (vs,) = s
        if fusable(ps, gs):
            torch._fused_sgd_(
                ps,
                gs,
                vs,
                weight_decay=decay,
                momentum=mu,
                lr=lr,
                dampening=0.0,
                nesterov=group["nesterov"],
                maximize=False,
                is_first_step=False,
            )
            return
        gs = coupled(gs, ps, decay)
        torch._foreach_mul_(vs, mu)
        torch._foreach_add_(vs, gs)
        ahead = torch._foreach_add(gs, vs, alpha=mu) if group["nesterov"] else vs
        torch._foreach_add_(ps, ahead, alpha=-lr)

"""Adagrad in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled


class Adagrad(Optimizer):
    keeps = ("G",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (Gs,) = s
        gs = coupled(gs, ps, group["weight_decay"])
        torch._foreach_addcmul_(Gs, gs, gs)
        roots = torch._foreach_sqrt(Gs)
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, gs, roots, -group["lr"])

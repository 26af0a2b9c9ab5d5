"""Lion in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors


class Lion(Optimizer):
    keeps = ("m",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (ms,) = s
        lr = group["lr"]
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - lr * group["weight_decay"])
        signs = torch._foreach_lerp(ms, gs, 1 - group["beta1"])
        torch._foreach_sign_(signs)
        torch._foreach_add_(ps, signs, alpha=-lr)
        torch._foreach_lerp_(ms, gs, 1 - group["beta2"])

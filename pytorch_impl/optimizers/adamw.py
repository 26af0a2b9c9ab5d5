"""AdamW in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .adam import Adam, fused_adam
from .base import Tensors, fusable


class AdamW(Adam):
    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 1e-2,
    ):
        super().__init__(
            parameters,
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
        )

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        decay = group["weight_decay"]
        if fusable(ps, gs):
            fused_adam(torch._fused_adamw_, group, decay, ps, gs, *s)
        else:
            torch._foreach_mul_(ps, 1 - group["lr"] * decay)
            self.adapt(group, ps, gs, *s)

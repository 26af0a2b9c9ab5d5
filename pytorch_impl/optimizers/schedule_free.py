"""Schedule-free AdamW in PyTorch."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import Optimizer, Tensors


class ScheduleFreeAdamW(Optimizer):
    """Call `eval` before the model is evaluated or saved, and `train` before it is
    trained on."""

    keeps = ("z", "v")
    once = {"largest": 0.0, "whole": 0.0}

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 2.5e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        if not beta1:
            raise ValueError(
                "ScheduleFreeAdamW: beta1 is 0.0; allowed: above 0, below 1"
            )
        super().__init__(parameters, locals())
        self.defaults["training"] = True
        for group in self.param_groups:
            group["training"] = True

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {"z": p.detach().clone(), "v": torch.zeros_like(p)}

    def eval(self) -> None:
        """The parameters become those to evaluate with."""
        self.switch(False)

    def train(self) -> None:
        """The parameters become those to train."""
        self.switch(True)

    @torch.no_grad()
    def switch(self, training: bool) -> None:
        for group in self.param_groups:
            ps = [p for p in group["params"] if "z" in self.state[p]]
            if ps and group["training"] != training:
                share = 1 - group["beta1"] if training else 1 - 1 / group["beta1"]
                torch._foreach_lerp_(ps, [self.state[p]["z"] for p in ps], share)
            group["training"] = training

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        if not group["training"]:
            raise RuntimeError("ScheduleFreeAdamW: call train() before step()")
        zs, vs = s
        beta1, beta2, lr = group["beta1"], group["beta2"], group["lr"]
        group["largest"] = max(group["largest"], lr)
        group["whole"] += group["largest"] ** 2
        c = group["largest"] ** 2 / group["whole"] if group["whole"] else 0.0
        xs = torch._foreach_lerp(ps, zs, 1 - 1 / beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2 ** group["t"]))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(zs, gs, roots, -lr)
        torch._foreach_add_(zs, ps, alpha=-lr * group["weight_decay"])
        torch._foreach_lerp_(xs, zs, c)
        torch._foreach_copy_(ps, torch._foreach_lerp(xs, zs, 1 - beta1))

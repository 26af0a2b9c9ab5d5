"""Adam and AMSGrad in PyTorch."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, coupled, fusable


class Adam(Optimizer):
    keeps = ("m", "v", "v_max")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        amsgrad: bool = False,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return self.keeps if group["amsgrad"] else self.keeps[:2]

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        decay = group["weight_decay"]
        if fusable(ps, gs):
            fused_adam(torch._fused_adam_, group, decay, ps, gs, *s)
        else:
            self.adapt(group, ps, coupled(gs, ps, decay), *s)

    def adapt(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs, *largest = s
        beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        if largest:
            torch._foreach_maximum_(largest[0], vs)
            vs = largest[0]
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -group["lr"] / (1 - beta1**t))


def fused_adam(
    kernel: Callable[..., None],
    group: dict[str, Any],
    decay: float,
    ps: Tensors,
    gs: Tensors,
    *s: Any,
) -> None:
    ms, vs, *largest = s
    t = torch.tensor(float(group["t"]), dtype=torch.float32, device=ps[0].device)
    kernel(
        ps,
        gs,
        ms,
        vs,
        largest[0] if largest else [],
        [t] * len(ps),
        lr=group["lr"],
        beta1=group["beta1"],
        beta2=group["beta2"],
        weight_decay=decay,
        eps=group["eps"],
        amsgrad=bool(largest),
        maximize=False,
    )

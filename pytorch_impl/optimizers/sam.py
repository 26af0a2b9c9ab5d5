"""SAM in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Ready, Tensors, norms


class SAM(Optimizer):
    """Two calls of `step` are one update: the first climbs, the second goes back and
    descends. Before each, take the gradient on the same batch; a scheduler steps once
    for both."""

    keeps = ("v", "x")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-2,
        momentum: float = 0.9,
        radius: float = 0.05,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update_all(self, ready: list[Ready]) -> None:
        norm = norms([g for _, _, gs, _ in ready for g in gs]).norm()
        self.scale = torch.where(norm > 0, 1 / norm, 0.0)
        super().update_all(ready)

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        vs, xs = s
        if group["t"] % 2:
            torch._foreach_copy_(xs, ps)
            climb = torch._foreach_mul(gs, self.scale)
            torch._foreach_add_(ps, climb, alpha=group["radius"])
            return
        torch._foreach_mul_(vs, group["momentum"])
        torch._foreach_add_(vs, gs)
        torch._foreach_add_(vs, xs, alpha=group["weight_decay"])
        torch._foreach_copy_(ps, torch._foreach_add(xs, vs, alpha=-group["lr"]))

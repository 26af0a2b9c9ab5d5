"""LARS in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors, norms


class LARS(Optimizer):
    """trust: False in a parameter group leaves the ratio out, as the authors do where
    they leave out the decay (norms and biases)."""

    keeps = ("v",)

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1.0,
        momentum: float = 0.9,
        coefficient: float = 1e-3,
        trust: bool = True,
        weight_decay: float = 5e-4,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (vs,) = s
        decay = group["weight_decay"]
        us = torch._foreach_add(gs, ps, alpha=decay)
        if group["trust"]:
            lengths = norms(ps)
            wholes = norms(gs) + decay * lengths
            ratios = group["coefficient"] * lengths / wholes
            ratios = torch.where(lengths * wholes > 0, ratios, 1.0)
            torch._foreach_mul_(us, list(ratios))
        torch._foreach_mul_(vs, group["momentum"])
        torch._foreach_add_(vs, us, alpha=group["lr"])
        torch._foreach_sub_(ps, vs)

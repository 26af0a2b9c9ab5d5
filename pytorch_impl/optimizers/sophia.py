"""Sophia-G in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from .base import Optimizer, Tensors


class SophiaG(Optimizer):
    """When `due`, before `step`: take the gradient of the mean loss over `batch_size`
    examples (tokens, in a language model) with labels drawn from the model's own
    outputs, and call `estimate`."""

    keeps = ("m", "h")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-4,
        beta1: float = 0.96,
        beta2: float = 0.99,
        gamma: float = 0.05,
        eps: float = 1e-12,
        every: int = 10,
        batch_size: int = 1,
        weight_decay: float = 0.1,
    ):
        super().__init__(parameters, locals())

    @property
    def due(self) -> bool:
        group = self.param_groups[0]
        return group["t"] % group["every"] == 0

    @torch.no_grad()
    def estimate(self) -> None:
        """Takes the curvature from the gradients that the parameters hold."""
        for group, _, gs, (_, hs) in self.ready():
            beta2 = group["beta2"]
            torch._foreach_mul_(hs, beta2)
            torch._foreach_addcmul_(hs, gs, gs, (1 - beta2) * group["batch_size"])

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, hs = s
        torch._foreach_lerp_(ms, gs, 1 - group["beta1"])
        bounds = torch._foreach_mul(hs, group["gamma"])
        torch._foreach_clamp_min_(bounds, group["eps"])
        us = torch._foreach_div(ms, bounds)
        torch._foreach_clamp_min_(us, -1.0)
        torch._foreach_clamp_max_(us, 1.0)
        torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(ps, us, alpha=-group["lr"])

"""Shampoo in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from .base import Optimizer, Tensors


class Shampoo(Optimizer):
    keeps = ("m", "l", "r", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-1,
        momentum: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def start(self, p: Tensor) -> dict[str, Tensor]:
        if p.ndim != 2:
            return {"m": torch.zeros_like(p), "v": torch.zeros_like(p)}
        left, right = p.new_zeros(2 * p.shape[:1]), p.new_zeros(2 * p.shape[1:])
        return {"m": torch.zeros_like(p), "l": left, "r": right}

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms = s[0]
        torch._foreach_lerp_(ms, gs, 1 - group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        for p, g, m, left, right, v in zip(ps, gs, *s, strict=True):
            if v is None:
                left.addmm_(g, g.T)
                right.addmm_(g.T, g)
                u = self.root(left, group["eps"]) @ m @ self.root(right, group["eps"])
            else:
                v.addcmul_(g, g)
                u = m * self.power(v, -1 / 2, group["eps"])
            p.add_(u, alpha=-group["lr"])

    def root(self, a: Tensor, eps: float) -> Tensor:
        """Raise a matrix to the power -1/4."""
        values, vectors = torch.linalg.eigh(a)
        powers = self.power(values.clamp(min=0.0), -1 / 4, eps)
        return (vectors * powers) @ vectors.T

    def power(self, values: Tensor, exponent: float, eps: float) -> Tensor:
        """Raise ridged values to a power; 0 stays 0, where no gradient was yet."""
        ridged = values + eps * values.max()
        return torch.where(values.max() > 0, ridged**exponent, 0.0)

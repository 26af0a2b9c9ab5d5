"""The optimizers in PyTorch. Definitions, papers: shared/optimizers.py.

One file to lift: it needs nothing of this suite. Every update runs over all tensors of
a group at once (torch._foreach_*), in place.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

Tensors = list[Tensor] | tuple[Tensor, ...]

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "lr": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
}


class _Optimizer(torch.optim.Optimizer):
    """What all have in common. A parameter's state is `keeps`, each like it; the
    number of updates is its group's."""

    keeps: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Any], settings: dict[str, Any]):
        for name in ("self", "parameters", "__class__"):
            settings.pop(name, None)
        super().__init__(parameters, {**settings, "t": 0})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        for name, value in {**self.defaults, **param_group}.items():
            low, high = _ALLOWED.get(name, (-math.inf, math.inf))
            if isinstance(value, float) and not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
        super().add_param_group(param_group)

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name in self.keeps}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            ps = [p for p in group["params"] if p.grad is not None]
            if not ps:
                continue
            for p in ps:
                if not self.state[p]:
                    self.state[p] = self.start(p)
            group["t"] += 1
            kept = [[self.state[p][name] for p in ps] for name in self.keeps]
            self.update(group, ps, [p.grad for p in ps], *kept)
        return loss

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        raise NotImplementedError


# Gradient descent and its momenta


class SGD(_Optimizer):
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

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        (vs,) = s
        if group["weight_decay"]:
            gs = torch._foreach_add(gs, ps, alpha=group["weight_decay"])
        torch._foreach_mul_(vs, group["momentum"])
        torch._foreach_add_(vs, gs)
        if group["nesterov"]:
            gs = torch._foreach_add(gs, vs, alpha=group["momentum"])
        else:
            gs = vs
        torch._foreach_add_(ps, gs, alpha=-group["lr"])


# Adaptive


class Adam(_Optimizer):
    keeps = ("m", "v")

    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, locals())

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        ms, vs = s
        beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
        if group["weight_decay"]:
            gs = torch._foreach_add(gs, ps, alpha=group["weight_decay"])
        torch._foreach_lerp_(ms, gs, 1 - beta1)
        torch._foreach_mul_(vs, beta2)
        torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
        roots = torch._foreach_sqrt(vs)
        torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
        torch._foreach_add_(roots, group["eps"])
        torch._foreach_addcdiv_(ps, ms, roots, -group["lr"] / (1 - beta1**t))


class AdamW(Adam):
    def __init__(
        self,
        parameters: Iterable[Any],
        *,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(
            parameters,
            lr=lr,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            weight_decay=weight_decay,
        )

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        torch._foreach_mul_(ps, 1 - group["lr"] * group["weight_decay"])
        super().update({**group, "weight_decay": 0.0}, ps, gs, *s)


# Modern


# What bounds the gradients before an update; in place, as torch's own clip_grad_*


def clip_by_value(gs: Tensors, limit: float) -> None:
    torch._foreach_clamp_min_(gs, -limit)
    torch._foreach_clamp_max_(gs, limit)


def clip_by_norm(gs: Tensors, limit: float) -> None:
    for g, norm in zip(gs, torch._foreach_norm(gs), strict=True):
        g.mul_(_shrink(norm, limit))


def clip_by_global_norm(gs: Tensors, limit: float) -> None:
    # DIFF(clip-norm): torch's clip_grad_norm_ adds 1e-6 to the norm.
    norm = torch.stack(torch._foreach_norm(gs)).norm()
    torch._foreach_mul_(gs, _shrink(norm, limit))


def _shrink(norm: Tensor, limit: float) -> Tensor:
    return torch.where(norm > limit, limit / norm.clamp(min=limit), 1.0)

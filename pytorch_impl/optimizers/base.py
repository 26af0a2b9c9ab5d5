"""What all optimizers in PyTorch share."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

Tensors = list[Tensor] | tuple[Tensor, ...]
Ready = tuple[dict[str, Any], list[Tensor], Any, list[list[Any]]]
# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "lr": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "momentum_decay": (0.0, math.inf),
    "decay": (0.0, 1.0),
    "rho": (0.0, 1.0),
    "delta_0": (0.0, math.inf),
    "delta_min": (0.0, math.inf),
    "delta_max": (0.0, math.inf),
    "eta_minus": (0.0, 1.0),
    "eta_plus": (1.0, math.inf),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "beta3": (0.0, 1.0),
    "coefficient": (0.0, math.inf),
    "power": (0.0, math.inf),
    "eps1": (5e-324, math.inf),
    "eps2": (0.0, math.inf),
    "limit": (5e-324, math.inf),
    "gamma": (0.0, math.inf),
    "every": (1, math.inf),
    "batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "d0": (5e-324, math.inf),
    "radius": (0.0, math.inf),
}


def check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


class Optimizer(torch.optim.Optimizer):
    """What all have in common. A parameter's state is `keeps`, each like it where
    `start` says nothing else; the number of updates is its group's, and so is what else
    is kept `once`."""

    keeps: tuple[str, ...] = ()
    once: dict[str, float] = {}

    def __init__(self, parameters: Iterable[Any], settings: dict[str, Any]):
        for name in ("self", "parameters", "__class__"):
            settings.pop(name, None)
        super().__init__(parameters, {**settings, "t": 0, **self.once})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        check(type(self).__name__, {**self.defaults, **param_group})
        super().add_param_group(param_group)

    def needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        """What of `keeps` a group's settings need."""
        return self.keeps

    def start(self, p: Tensor) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name in self.keeps}

    def start_in(self, group: dict[str, Any], p: Tensor) -> dict[str, Tensor]:
        """The start of a parameter whose group's settings say what it is."""
        return self.start(p)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        ready = list(self.ready())
        for group, *_ in ready:
            group["t"] += 1
        self.update_all(ready)
        return loss

    def ready(self) -> Iterator[Ready]:
        """Each group with its parameters that have gradients, these, and the state."""
        for group in self.param_groups:
            ps = [p for p in group["params"] if p.grad is not None]
            if not ps:
                continue
            needed = self.needs(group)
            for p in ps:
                if needed and not self.state[p]:
                    started = self.start_in(group, p)
                    self.state[p] = {k: v for k, v in started.items() if k in needed}
            kept = [[self.state[p].get(name) for p in ps] for name in needed]
            yield group, ps, [p.grad for p in ps], kept

    def update_all(self, ready: list[Ready]) -> None:
        """Update all groups; where a step depends on all of them, this is what to
        override."""
        for group, ps, gs, kept in ready:
            self.update(group, ps, gs, *kept)

    def update(self, group: dict[str, Any], ps: Tensors, gs: Tensors, *s: Any) -> None:
        raise NotImplementedError


def coupled(gs: Tensors, ps: Tensors, decay: float) -> Tensors:
    return torch._foreach_add(gs, ps, alpha=decay) if decay else gs


def fusable(ps: Tensors, gs: Tensors) -> bool:
    """Whether torch has the whole update as one kernel for these."""
    first = ps[0]
    return first.device.type in ("cpu", "cuda") and all(
        x.dtype == first.dtype
        and x.device == first.device
        and x.is_floating_point()
        and x.is_contiguous()
        for x in (*ps, *gs)
    )


def norms(xs: Tensors) -> Tensor:
    return torch.stack(torch._foreach_norm(xs))


def adam_step(group: dict[str, Any], gs: Tensors, ms: Tensors, vs: Tensors) -> Tensors:
    """Give Adam's steps, before the learning rate."""
    beta1, beta2, t = group["beta1"], group["beta2"], group["t"]
    torch._foreach_lerp_(ms, gs, 1 - beta1)
    torch._foreach_mul_(vs, beta2)
    torch._foreach_addcmul_(vs, gs, gs, 1 - beta2)
    roots = torch._foreach_sqrt(vs)
    torch._foreach_div_(roots, math.sqrt(1 - beta2**t))
    torch._foreach_add_(roots, group["eps"])
    us = torch._foreach_div(ms, roots)
    torch._foreach_div_(us, 1 - beta1**t)
    return us

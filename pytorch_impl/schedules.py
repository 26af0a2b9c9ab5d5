"""The learning-rate schedules in PyTorch.
Definitions, papers: shared/definitions/schedules.py.

`factor(t)` of a schedule multiplies the learning rate of a group; `Scheduled` is the
torch scheduler that does it. One file to lift: it needs nothing of this suite.
"""

import math
from bisect import bisect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

Factor = Callable[[int], float]

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "steps": (1, math.inf),
    "every": (1, math.inf),
    "period": (1, math.inf),
    "growth": (1, math.inf),
    "leg": (1, math.inf),
    "warmup": (1, math.inf),
    "patience": (0, math.inf),
    "cooldown": (0, math.inf),
    "threshold": (0.0, 1.0),
    "gamma": (5e-324, 1.0 + 2**-52),
    "power": (5e-324, math.inf),
    "start": (0.0, 1.0 + 2**-52),
    "final": (0.0, 1.0 + 2**-52),
    "lowest": (0.0, 1.0 + 2**-52),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
    at = settings.get("at", ())
    if any(b <= a for a, b in pairwise((0, *at))):
        raise ValueError(f"{kind}: at is {at!r}; allowed: rising numbers above 0")
    if "leg" in settings and 2 * settings["leg"] >= settings["steps"]:
        raise ValueError(
            f"{kind}: leg is {settings['leg']!r}; allowed: below half of steps"
        )


class Scheduled(LRScheduler):
    """Multiplies each group's learning rate by factor(updates done)."""

    def __init__(self, optimizer: torch.optim.Optimizer, factor: Factor):
        self.factor = factor
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        return [lr * self.factor(self.last_epoch) for lr in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Give the state without the factor, which the constructor is given."""
        return {k: v for k, v in super().state_dict().items() if k != "factor"}


class _Factor:
    """A schedule; its settings are attributes."""

    def __init__(self, **settings: Any):
        _check(type(self).__name__, settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def __call__(self, t: int) -> float:
        raise NotImplementedError


class Constant(_Factor):
    def __call__(self, t: int) -> float:
        return 1.0


# In steps


class Step(_Factor):
    every: int
    gamma: float

    def __init__(self, *, every: int, gamma: float = 0.1):
        super().__init__(every=every, gamma=gamma)

    def __call__(self, t: int) -> float:
        return self.gamma ** (t // self.every)


class MultiStep(_Factor):
    at: tuple[int, ...]
    gamma: float

    def __init__(self, *, at: tuple[int, ...], gamma: float = 0.1):
        super().__init__(at=tuple(at), gamma=gamma)

    def __call__(self, t: int) -> float:
        return self.gamma ** bisect(self.at, t)


# In curves


class Exponential(_Factor):
    gamma: float

    def __init__(self, *, gamma: float):
        super().__init__(gamma=gamma)

    def __call__(self, t: int) -> float:
        return self.gamma**t


class Polynomial(_Factor):
    steps: int
    power: float
    final: float

    def __init__(self, *, steps: int, power: float = 1.0, final: float = 0.0):
        super().__init__(steps=steps, power=power, final=final)

    def __call__(self, t: int) -> float:
        done = min(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 - done) ** self.power


class Cosine(_Factor):
    steps: int
    final: float

    def __init__(self, *, steps: int, final: float = 0.0):
        super().__init__(steps=steps, final=final)

    def __call__(self, t: int) -> float:
        return _cosine(min(t / self.steps, 1.0), self.final)


class WarmRestarts(_Factor):
    period: int
    growth: int
    final: float

    def __init__(self, *, period: int, growth: int = 1, final: float = 0.0):
        super().__init__(period=period, growth=growth, final=final)

    def __call__(self, t: int) -> float:
        length = self.period
        while t >= length and self.growth > 1:
            t, length = t - length, length * self.growth
        return _cosine(t % length / length, self.final)


class OneCycle(_Factor):
    # DIFF(one-cycle): libraries have cosines, or legs of other lengths, unless told.
    steps: int
    leg: int
    start: float
    final: float

    def __init__(
        self, *, steps: int, leg: int, start: float = 0.1, final: float = 1e-3
    ):
        super().__init__(steps=steps, leg=leg, start=start, final=final)

    def __call__(self, t: int) -> float:
        if t < 2 * self.leg:
            height = 1 - abs(t - self.leg) / self.leg
            return self.start + (1 - self.start) * height
        done = min((t - 2 * self.leg) / (self.steps - 2 * self.leg), 1.0)
        return self.start + (self.final - self.start) * done


class InverseSqrt(_Factor):
    warmup: int

    def __init__(self, *, warmup: int):
        super().__init__(warmup=warmup)

    def __call__(self, t: int) -> float:
        return min(math.sqrt(self.warmup / (t + 1)), (t + 1) / self.warmup)


def _cosine(done: float, final: float) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2


# Before another


class Warmup(_Factor):
    steps: int
    then: Factor

    def __init__(self, *, steps: int, then: Factor | None = None):
        super().__init__(steps=steps, then=Constant() if then is None else then)

    def __call__(self, t: int) -> float:
        if t < self.steps:
            return (t + 1) / (self.steps + 1)
        return self.then(t - self.steps)


# After a metric


class ReduceOnPlateau:
    """Call `step` with what is observed, as with torch's own."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        gamma: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        lowest: float = 0.0,
    ):
        settings = {k: v for k, v in locals().items() if k not in ("self", "optimizer")}
        _check(type(self).__name__, settings)
        self.optimizer = optimizer
        self.gamma, self.patience, self.threshold = gamma, patience, threshold
        self.cooldown, self.lowest = cooldown, lowest
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self.factor, self.best, self.waited, self.cooling = 1.0, math.inf, 0, 0

    def step(self, value: float | torch.Tensor) -> None:
        value = float(value)
        margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        better = value < self.best - margin
        if better:
            self.best = value
        self.waited = 0 if better or self.cooling else self.waited + 1
        self.cooling = max(self.cooling - 1, 0)
        if self.waited > self.patience:
            lowered = max(self.factor * self.gamma, self.lowest)
            self.factor = min(self.factor, lowered)
            self.waited, self.cooling = 0, self.cooldown
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr * self.factor

    def state_dict(self) -> dict[str, Any]:
        kept = ("factor", "best", "waited", "cooling", "base_lrs")
        return {name: getattr(self, name) for name in kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

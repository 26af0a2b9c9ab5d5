"""The learning-rate schedules in PyTorch. Definitions, papers: shared/schedules.py.

`factor(t)` of a schedule multiplies the learning rate of a group; `Scheduled` is the
torch scheduler that does it. One file to lift: it needs nothing of this suite.
"""

import math
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LRScheduler

Factor = Callable[[int], float]


class Scheduled(LRScheduler):
    """Multiplies each group's learning rate by factor(updates done)."""

    def __init__(self, optimizer: torch.optim.Optimizer, factor: Factor):
        self.factor = factor
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        return [lr * self.factor(self.last_epoch) for lr in self.base_lrs]


class Constant:
    def __call__(self, t: int) -> float:
        return 1.0


class Cosine:
    def __init__(self, *, steps: int, final: float = 0.0):
        self.steps, self.final = steps, final

    def __call__(self, t: int) -> float:
        done = min(t / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


class Warmup:
    def __init__(self, *, steps: int, then: Factor):
        self.steps, self.then = steps, then

    def __call__(self, t: int) -> float:
        if t < self.steps:
            return (t + 1) / (self.steps + 1)
        return self.then(t - self.steps)

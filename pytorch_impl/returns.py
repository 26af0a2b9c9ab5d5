"""What a reward now is worth with all that follow, in PyTorch. Definitions, papers:
shared/definitions/returns.py.

One file to lift: it needs nothing of this suite.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# What a setting may be: at least the first, below the second.
_ALLOWED = {"gamma": (0.0, 1.0 + 2**-52), "lam": (0.0, 1.0 + 2**-52)}


class _Settings:
    """Refuses what is not allowed."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            low, high = _ALLOWED[name]
            if not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


@dataclass(frozen=True, kw_only=True)
class Discounted(_Settings):
    gamma: float = 0.99

    def returns(self, rewards: Tensor, done: Tensor, last: Tensor) -> Tensor:
        return _backwards(rewards, (~done).to(rewards) * self.gamma, last)


@dataclass(frozen=True, kw_only=True)
class TemporalDifference(_Settings):
    gamma: float = 0.99

    def target(self, rewards: Tensor, done: Tensor, next_values: Tensor) -> Tensor:
        return rewards + self.gamma * torch.where(done, 0.0, next_values)


@dataclass(frozen=True, kw_only=True)
class GAE(_Settings):
    gamma: float = 0.99
    lam: float = 0.95

    def advantages(
        self, rewards: Tensor, values: Tensor, done: Tensor, last: Tensor
    ) -> Tensor:
        next_values = torch.cat([values, last[None]])[1:]
        target = TemporalDifference(gamma=self.gamma).target
        delta = target(rewards, done, next_values) - values
        decay = (~done).to(rewards) * (self.gamma * self.lam)
        return _backwards(delta, decay, torch.zeros_like(last))


def _backwards(each: Tensor, decay: Tensor, last: Tensor) -> Tensor:
    """Add up each + decay * what follows, from the last step on."""
    found = torch.empty_like(each)
    for t in reversed(range(len(each))):
        found[t] = last = each[t] + decay[t] * last
    return found

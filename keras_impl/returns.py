"""What a reward now is worth with all that follow, in Keras. Definitions, papers:
shared/definitions/returns.py.

One file to lift: it needs nothing of this suite, and runs on every back
end.
"""

from dataclasses import dataclass

from keras import KerasTensor, ops

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

    def returns(
        self, rewards: KerasTensor, done: KerasTensor, last: KerasTensor
    ) -> KerasTensor:
        return _backwards(rewards, ops.cast(~done, rewards.dtype) * self.gamma, last)


@dataclass(frozen=True, kw_only=True)
class TemporalDifference(_Settings):
    gamma: float = 0.99

    def target(
        self, rewards: KerasTensor, done: KerasTensor, next_values: KerasTensor
    ) -> KerasTensor:
        return rewards + self.gamma * ops.where(done, 0.0, next_values)


@dataclass(frozen=True, kw_only=True)
class GAE(_Settings):
    gamma: float = 0.99
    lam: float = 0.95

    def advantages(
        self,
        rewards: KerasTensor,
        values: KerasTensor,
        done: KerasTensor,
        last: KerasTensor,
    ) -> KerasTensor:
        next_values = ops.concatenate([values, last[None]])[1:]
        target = TemporalDifference(gamma=self.gamma).target
        delta = target(rewards, done, next_values) - values
        decay = ops.cast(~done, rewards.dtype) * (self.gamma * self.lam)
        return _backwards(delta, decay, ops.zeros_like(last))


def _backwards(each: KerasTensor, decay: KerasTensor, last: KerasTensor) -> KerasTensor:
    """Add up each + decay * what follows, from the last step on."""

    def step(
        following: KerasTensor, here: tuple[KerasTensor, KerasTensor]
    ) -> tuple[KerasTensor, KerasTensor]:
        following = here[0] + here[1] * following
        return following, following

    if not each.shape[0]:
        return each  # DIFF(empty-scan): which ops.scan refuses on torch
    return ops.scan(step, last, (each, decay), reverse=True)[1]

"""What a reward now is worth with all that follow, in JAX. Definitions, papers:
shared/definitions/returns.py.

One file to lift: it needs nothing of this suite.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

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

    def returns(self, rewards: Array, done: Array, last: Array) -> Array:
        return _backwards(rewards, ~done * self.gamma, last)


@dataclass(frozen=True, kw_only=True)
class TemporalDifference(_Settings):
    gamma: float = 0.99

    def target(self, rewards: Array, done: Array, next_values: Array) -> Array:
        return rewards + self.gamma * jnp.where(done, 0.0, next_values)


@dataclass(frozen=True, kw_only=True)
class GAE(_Settings):
    gamma: float = 0.99
    lam: float = 0.95

    def advantages(
        self, rewards: Array, values: Array, done: Array, last: Array
    ) -> Array:
        next_values = jnp.concatenate([values, last[None]])[1:]
        target = TemporalDifference(gamma=self.gamma).target
        delta = target(rewards, done, next_values) - values
        decay = ~done * (self.gamma * self.lam)
        return _backwards(delta, decay, jnp.zeros_like(last))


def _backwards(each: Array, decay: Array, last: Array) -> Array:
    """Add up each + decay * what follows, from the last step on."""

    def step(following: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        following = here[0] + here[1] * following
        return following, following

    return jax.lax.scan(step, last, (each, decay), reverse=True)[1]

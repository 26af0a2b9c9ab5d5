"""What a reward now is worth with all that follow. In NumPy these ARE the definitions;
every `*_impl` is held against them.

Arrays are [time, ...]; done says that the episode ended with this step, so that nothing
follows it. `last` is the value of the state after the last step, [...].
"""

from dataclasses import dataclass

import numpy as np

from shared.arrays import Array
from shared.definitions.schedules import Share
from shared.fields import Checked


@dataclass(frozen=True, kw_only=True)
class Discounted(Checked):
    """The return of Sutton, Barto 2018, equation 3.9: G_t = r_t + gamma G_(t+1)."""

    gamma: Share = 0.99

    def returns(self, rewards: Array, done: Array, last: Array) -> Array:
        found, following = np.zeros_like(rewards), last
        for t in reversed(range(len(rewards))):
            following = rewards[t] + self.gamma * np.where(done[t], 0, following)
            found[t] = following
        return found


@dataclass(frozen=True, kw_only=True)
class TemporalDifference(Checked):
    """One step of it, and a value for the rest: Sutton, Barto 2018, section 6.1."""

    gamma: Share = 0.99

    def target(self, rewards: Array, done: Array, next_values: Array) -> Array:
        """Compute r + gamma V(next state)."""
        return rewards + self.gamma * np.where(done, 0, next_values)


@dataclass(frozen=True, kw_only=True)
class GAE(Checked):
    """Schulman et al. 2015 (arXiv:1506.02438), equation 16, by its recursion.

    lam: the paper's lambda: 0 trusts the values, 1 the rewards.
    """

    gamma: Share = 0.99
    lam: Share = 0.95

    def advantages(
        self, rewards: Array, values: Array, done: Array, last: Array
    ) -> Array:
        """Compute the advantages. values: of the states that the rewards were earned
        in."""
        next_values = np.concatenate([values, last[None]])[1:]
        delta = TemporalDifference(gamma=self.gamma).target(rewards, done, next_values)
        delta = delta - values
        found, following = np.zeros_like(rewards), np.zeros_like(last)
        for t in reversed(range(len(rewards))):
            decay = self.gamma * self.lam
            following = delta[t] + decay * np.where(done[t], 0, following)
            found[t] = following
        return found

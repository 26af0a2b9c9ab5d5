"""The learning-rate schedules in JAX. Definitions, papers: shared/schedules.py.

As in optax a schedule is a function of the number of updates done; here it gives the
factor, and `scheduled` multiplies a learning rate by it. One file to lift.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array

Factor = Callable[[Array], Any]


def scheduled(learning_rate: float, factor: Factor) -> Factor:
    return lambda t: learning_rate * factor(t)


def constant() -> Factor:
    return lambda t: 1.0


def cosine(*, steps: int, final: float = 0.0) -> Factor:
    def factor(t: Array) -> Array:
        done = jnp.minimum(_real(t) / steps, 1.0)
        return final + (1 - final) * (1 + jnp.cos(jnp.pi * done)) / 2

    return factor


def warmup(*, steps: int, then: Factor) -> Factor:
    def factor(t: Array) -> Array:
        rising = (_real(t) + 1) / (steps + 1)
        return jnp.where(t < steps, rising, then(jnp.maximum(t - steps, 0)))

    return factor


def _real(t: Array) -> Array:
    """DIFF(int-division): JAX divides int32 in float32, whatever else is in float64."""
    return jnp.asarray(t, float)

"""The moving average of the parameters, in JAX; accumulation is optax.MultiSteps."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from .base import check, mean


class EmaState(NamedTuple):
    average: Any


def ema(*, decay: float) -> optax.GradientTransformation:
    """Keep the moving average of the parameters, as the last of a chain."""
    check("ema", locals())

    def init(params: Any) -> EmaState:
        return EmaState(jax.tree.map(jnp.copy, params))

    def update(steps: Any, state: EmaState, params: Any) -> tuple[Any, EmaState]:
        new = optax.apply_updates(params, steps)
        return steps, EmaState(mean(state.average, new, decay))

    return optax.GradientTransformation(init, update)

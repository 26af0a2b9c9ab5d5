"""Values of actions. Objective: shared/objectives/temporal_difference.py."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jax_impl import definitions, returns
from jax_impl.precision import exact
from shared.objectives.temporal_difference import TemporalDifference

Arrays = tuple[Array, ...]


def temporal_difference(
    s: TemporalDifference,
    model: Any,
    inputs: Arrays,
    targets: Arrays,
    noise: Arrays,
) -> dict[str, Array]:
    (state,), (action, reward, done, following) = inputs, targets
    after = jax.lax.stop_gradient(model.target(following))
    chosen = (model.online(following) if s.double else after).argmax(-1)
    y, after, reward = exact((model.online(state), after, reward))
    said = _each(y, action)
    worth = returns.TemporalDifference(gamma=s.gamma).target(
        reward, done > 0, _each(after, chosen)
    )
    loss = definitions.loss(s.loss)(said, worth)
    return {"loss": loss, "value": said.mean()}


def _each(values: Array, action: Array) -> Array:
    """Give the value of one action a row."""
    return jnp.take_along_axis(values, action[:, None], -1)[:, 0]

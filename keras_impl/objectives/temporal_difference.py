"""Values of actions. Objective: shared/objectives/temporal_difference.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions, returns
from keras_impl.precision import exact
from shared.objectives.temporal_difference import TemporalDifference

Tensors = tuple[KerasTensor, ...]


def temporal_difference(
    s: TemporalDifference,
    model: Any,
    inputs: Tensors,
    targets: Tensors,
    noise: Tensors,
) -> dict[str, KerasTensor]:
    (state,), (action, reward, done, following) = inputs, targets
    after = ops.stop_gradient(model.target(following, training=True))
    choosing = model.online(following, training=True) if s.double else after
    chosen = ops.argmax(choosing, -1)
    y, after, reward = exact((model.online(state, training=True), after, reward))
    said = _each(y, action)
    worth = returns.TemporalDifference(gamma=s.gamma).target(
        reward, done > 0, _each(after, chosen)
    )
    loss = definitions.loss(s.loss)(worth, said)
    return {"loss": loss, "value": ops.mean(said)}


def _each(values: KerasTensor, action: KerasTensor) -> KerasTensor:
    """Give the value of one action a row."""
    one = ops.expand_dims(ops.cast(action, "int32"), -1)
    return ops.squeeze(ops.take_along_axis(values, one, -1), -1)

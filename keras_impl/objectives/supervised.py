"""A loss of what the model puts out. Objective: shared/objectives/supervised.py."""

from typing import Any

from keras import KerasTensor

from keras_impl import definitions
from keras_impl.precision import exact
from shared.contract import flat
from shared.objectives.supervised import Supervised

Tensors = tuple[KerasTensor, ...]


def supervised(
    s: Supervised, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    outputs = exact(flat(model(*inputs, *noise, training=True)))
    loss = definitions.called(definitions.loss(s.loss), len(targets))
    return {"loss": s.of(loss, outputs, targets)}

"""Words, and the balance of experts. Objective: shared/objectives/routing.py."""

from typing import Any

from keras import KerasTensor, ops

from keras_impl import definitions
from keras_impl.layers import ranked
from keras_impl.precision import exact
from shared.objectives.routing import Balanced

Tensors = tuple[KerasTensor, ...]


def balanced(
    s: Balanced, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    logits, scores = exact(model(*inputs, *noise, training=True))
    words = definitions.called(definitions.loss(s.loss), len(targets))(logits, *targets)
    chosen = ops.cast(ranked(scores) < s.chosen, scores.dtype)
    both = ops.mean(chosen, 2) * ops.mean(ops.softmax(scores), 2)
    balance = scores.shape[-1] * ops.mean(ops.sum(both, (1, 2)))
    loss = words + s.weight * balance
    return {"loss": loss, "words": words, "balance": balance}

"""Words, and the balance of experts. Objective: shared/objectives/routing.py."""

from typing import Any

from flax import nnx
from jax import Array

from jax_impl import definitions
from jax_impl.layers import ranked
from jax_impl.precision import exact
from shared.objectives.routing import Balanced

Arrays = tuple[Array, ...]


def balanced(
    s: Balanced, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    logits, scores = exact(model(*inputs, *noise))
    words = definitions.loss(s.loss)(logits, *targets)
    chosen = (ranked(scores) < s.chosen).astype(scores.dtype)
    both = chosen.mean(2) * nnx.softmax(scores).mean(2)  # [B, depth, experts]
    balance = scores.shape[-1] * both.sum((1, 2)).mean()
    loss = words + s.weight * balance
    return {"loss": loss, "words": words, "balance": balance}

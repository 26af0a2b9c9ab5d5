"""A loss of what the model puts out. Objective: shared/objectives/supervised.py."""

from typing import Any

from jax import Array

from jax_impl import definitions
from jax_impl.precision import exact
from shared.contract import flat
from shared.objectives.supervised import Supervised

Arrays = tuple[Array, ...]


def supervised(
    s: Supervised, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    outputs = exact(flat(model(*inputs, *noise)))
    return {"loss": s.of(definitions.loss(s.loss), outputs, targets)}

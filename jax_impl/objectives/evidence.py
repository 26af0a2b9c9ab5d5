"""The evidence lower bound. Objective: shared/objectives/evidence.py."""

from typing import Any

from jax import Array

from jax_impl import losses
from jax_impl.precision import exact
from shared.objectives.evidence import Evidence

Arrays = tuple[Array, ...]


def evidence(
    s: Evidence, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    x, *_ = inputs
    y, mean, log_variance = exact(model(*inputs, *noise))
    reconstruction = losses.reconstruction(y, x, s.likelihood)
    divergence = losses.divergence(mean, log_variance)
    loss = reconstruction + s.beta * divergence
    return {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}

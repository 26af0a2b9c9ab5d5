"""The evidence lower bound. Objective: shared/objectives/evidence.py."""

from typing import Any

from keras import KerasTensor

from keras_impl.losses import EvidenceLowerBound
from keras_impl.precision import exact
from shared.objectives.evidence import Evidence

Tensors = tuple[KerasTensor, ...]


def evidence(
    s: Evidence, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    x, *_ = inputs
    bound = EvidenceLowerBound(likelihood=s.likelihood, beta=s.beta)
    y, mean, log_variance = exact(model(*inputs, *noise, training=True))
    reconstruction = bound.reconstruction(x, y)
    divergence = bound.divergence(mean, log_variance)
    loss = reconstruction + s.beta * divergence
    return {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}

"""The evidence lower bound. Objective: shared/objectives/evidence.py."""

from torch import Tensor, nn

from pytorch_impl.losses import EvidenceLowerBound
from pytorch_impl.precision import exact
from shared.objectives.evidence import Evidence

Tensors = tuple[Tensor, ...]


def evidence(
    s: Evidence, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    x, *_ = inputs
    bound = EvidenceLowerBound(likelihood=s.likelihood, beta=s.beta)
    with exact(model(*inputs, *noise)) as (y, mean, log_variance):
        reconstruction = bound.reconstruction(y, x)
        divergence = bound.divergence(mean, log_variance)
        loss = reconstruction + s.beta * divergence
    return {"loss": loss, "reconstruction": reconstruction, "divergence": divergence}

"""What codes give back. Objective: shared/objectives/quantized.py."""

from torch import Tensor, nn

from pytorch_impl.precision import exact
from shared.objectives.quantized import Quantized

Tensors = tuple[Tensor, ...]


def quantized(
    s: Quantized, model: nn.Module, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    (x,) = inputs
    with exact((*model(x), x)) as (y, code, nearest, x):
        told = {
            "reconstruction": (y - x).square().mean(),
            "codebook": (nearest - code.detach()).square().mean(),
            "commitment": (code - nearest.detach()).square().mean(),
        }
        loss = told["reconstruction"] + told["codebook"]
        return {"loss": loss + s.commitment * told["commitment"], **told}

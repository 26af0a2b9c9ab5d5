"""Linear models in PyTorch, [B, features].

Spec: shared/specs/classic/linear.py.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.precision import full
from shared.specs.classic.linear import LinearModelSpec


def identity(scores: Tensor) -> Tensor:
    return scores


def softmax(scores: Tensor) -> Tensor:
    return F.softmax(full(scores), dim=-1)


def step(scores: Tensor) -> Tensor:
    """Give 1 above 0, by way of sign, whose gradient is 0; a comparison has none."""
    return F.relu(torch.sign(scores))


LINKS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": identity,
    "sigmoid": torch.sigmoid,
    "softmax": softmax,
    "step": step,
}


class LinearModel(nn.Module):
    def __init__(self, spec: LinearModelSpec):
        super().__init__()
        self.spec = spec
        self.linear = nn.Linear(spec.features, spec.targets)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.linear(x)  # [B, targets]
        return scores, LINKS[self.spec.link](scores)

"""The losses in PyTorch. Definitions, papers: shared/losses.py.

A loss takes what the model put out and what was wanted, in this order. One file to
lift: it needs nothing of this suite.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MSE(nn.Module):
    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        return (y - target).square().sum() / max(y.numel(), 1)


class CrossEntropy(nn.Module):
    def __init__(self, *, label_smoothing: float = 0.0, ignore: int | None = None):
        super().__init__()
        self.label_smoothing, self.ignore = label_smoothing, ignore

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        ignore = -100 if self.ignore is None else self.ignore
        total = F.cross_entropy(
            z.flatten(0, -2),
            target.flatten(),
            ignore_index=ignore,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total / torch.clamp((target != ignore).sum(), min=1)

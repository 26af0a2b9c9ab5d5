"""Dropout of values and of whole branches, whose masks the suite may draw."""

import torch
from torch import Tensor, nn

from shared.randomness import Draws


class Dropout(nn.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.draws is None or not self.training:
            return super().forward(x)
        keep = torch.tensor(self.draws.keep(tuple(x.shape), self.p))
        return x * keep.to(x) / (1 - self.p)


class DropPath(Dropout):
    """What a branch adds to a sample, all of it kept or dropped (Huang et al. 2016,
    arXiv:1603.09382)."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = super().forward(x.new_ones(len(x)))
        return x * kept.reshape(-1, *(1,) * (x.ndim - 1))

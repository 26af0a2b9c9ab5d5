"""The layers whose behaviour torch does not share with the others."""

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

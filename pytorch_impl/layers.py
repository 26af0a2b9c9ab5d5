"""The layers whose behaviour torch does not share with the others."""

import torch
import torch.nn.functional as F
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


def local_response_norm(
    x: Tensor, size: int, alpha: float, beta: float, k: float
) -> Tensor:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): torch's own divides alpha by size; a 1x1 convolution with a band of
    ones, exp and log are faster than it.
    """
    maps = torch.arange(x.shape[1], device=x.device)
    band = ((maps[:, None] - maps).abs() <= size // 2).to(x)
    total = F.conv2d(x.square(), band[:, :, None, None])
    return x * torch.exp(-beta * torch.log(k + alpha * total))

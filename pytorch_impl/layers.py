"""The layers whose behaviour torch does not share with the others."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.randomness import Draws
from shared.specs.recurrent import StackSpec


class Dropout(nn.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.draws is None or not self.training:
            return super().forward(x)
        keep = torch.tensor(self.draws.keep(tuple(x.shape), self.p))
        return x * keep.to(x) / (1 - self.p)


# Hidden and cell: [layers * directions, B, hidden].
State = tuple[Tensor, Tensor]


class StackedLSTM(nn.LSTM):
    """DIFF(lstm-masks): nn.LSTM draws the masks between its layers inside one call; in
    parity mode its layers are called one by one, with the suite's masks between."""

    def __init__(self, spec: StackSpec):
        super().__init__(
            spec.features,
            spec.hidden,
            spec.layers,
            bias=True,
            batch_first=True,
            dropout=spec.dropout,
            bidirectional=spec.bidirectional,
        )
        self.spec = spec
        self.dropouts = nn.ModuleList(Dropout(self.dropout) for _ in range(spec.gaps))

    def forward(  # type: ignore[override]
        self, x: Tensor, hx: State | None = None
    ) -> tuple[Tensor, State]:
        parity = any(dropout.draws is not None for dropout in self.dropouts)
        if not (self.training and parity):
            return super().forward(x, hx)
        states = []
        for k, directions in enumerate(self.spec.directions):
            if k:
                x = self.dropouts[k - 1](x)
            weights = [getattr(self, name) for d in directions for name in d.shapes]
            zeros = x.new_zeros(len(directions), len(x), self.spec.hidden)
            start, both = (zeros, zeros), self.spec.bidirectional
            x, *state = torch._VF.lstm(
                x, start, weights, True, 1, 0.0, True, both, True
            )
            states.append(state)
        h, c = (torch.cat(s) for s in zip(*states, strict=True))
        return x, (h, c)


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [B, heads, T, d]; causal: a token sees itself and those before it.
    """

    def __init__(self, rate: float, causal: bool):
        super().__init__()
        self.dropout = Dropout(rate)
        self.causal = causal

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rate = self.dropout.p if self.training else 0.0
        if rate == 0 or self.dropout.draws is None:
            # DIFF(attention): fused; it keeps no probabilities for the suite to drop.
            return F.scaled_dot_product_attention(
                q, k, v, dropout_p=rate, is_causal=self.causal
            )
        scores = q / math.sqrt(q.shape[-1]) @ k.mT  # [B, heads, T, T]
        if self.causal:
            future = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -math.inf)
        return self.dropout(scores.softmax(-1)) @ v


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

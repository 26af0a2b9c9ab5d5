"""The layers whose behaviour torch does not share with the others."""

import math

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

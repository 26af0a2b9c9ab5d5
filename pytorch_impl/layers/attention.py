"""Attention by scaled dot products."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers.dropout import Dropout
from pytorch_impl.precision import exact


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it; not
    scaled: without the root. A bias is added to the scores.
    """

    def __init__(self, rate: float, causal: bool, scaled: bool = True):
        super().__init__()
        self.dropout = Dropout(rate)
        self.causal, self.scaled = causal, scaled

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        rate = self.dropout.p if self.training else 0.0
        slow = bias is not None and bias.requires_grad
        slow = slow or (q.dtype == torch.bfloat16 and q.device.type == "cpu")
        if not slow and (rate == 0 or self.dropout.draws is None):
            # DIFF(attention): fused; it keeps no probabilities for the suite to drop,
            # and is slow where a bias learns, and in bfloat16 on a CPU.
            return self._fused(q, k, v, bias, rate)
        return self._written(q, k, v, bias)

    def _written(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        q = q / math.sqrt(q.shape[-1]) if self.scaled else q
        scores = q @ k.mT  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            future = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -math.inf)
        with exact((scores,)) as (scores,):
            weights = self.dropout(scores.softmax(-1))
        return weights @ v

    def _fused(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        bias: Tensor | None = None,
        rate: float = 0.0,
    ) -> Tensor:
        """Fast where there are four axes."""
        causal, scale = self.causal, None if self.scaled else 1.0
        if bias is not None:
            scores = *q.shape[:-1], k.shape[-2]
            bias = bias.expand(scores).reshape(-1, *scores[-3:])
            if causal:  # the call takes a bias or that
                future = torch.ones_like(bias, dtype=torch.bool).triu(1)
                bias, causal = bias.masked_fill(future, -math.inf), False
        flat_q, flat_k, flat_v = (x.reshape(-1, *x.shape[-3:]) for x in (q, k, v))
        y = F.scaled_dot_product_attention(
            flat_q, flat_k, flat_v, bias, rate, is_causal=causal, scale=scale
        )
        return y.reshape(q.shape)

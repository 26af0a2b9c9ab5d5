"""WaveNet in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/sequence/wavenet.py.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Generates
from pytorch_impl.precision import full
from shared.specs.sequence.tcn import CausalSpec
from shared.specs.sequence.wavenet import WaveNetSpec

Queue = tuple[Tensor]  # what a convolution still reaches, [B, before, width]


def joined(queue: Queue, x: Tensor) -> tuple[Tensor, Queue]:
    """What stood before and what follows; and what is kept of both."""
    (kept,) = queue
    both = torch.cat([kept.to(x.dtype), x], 1)
    return both, (both[:, x.shape[1] :].to(kept.dtype),)


class CausalConv(nn.Module):
    """y_t = b + sum_j W_j x_(t - (k - 1 - j) d)."""

    def __init__(self, c: CausalSpec):
        super().__init__()
        self.c = c
        self.weight = nn.Parameter(torch.empty(c.c_out, c.c_in, c.k))
        self.bias = nn.Parameter(torch.empty(c.c_out))

    def forward(self, x: Tensor) -> Tensor:
        """What is further back stands before the first."""
        length = x.shape[1] - self.c.before
        y: Tensor = self.bias
        for j, start in enumerate(self.c.starts):
            y = y + F.linear(x[:, start : start + length], self.weight[..., j])
        return y  # [B, T, c_out]


class Block(nn.Module):
    """Figure 4 and equation 2."""

    def __init__(self, spec: WaveNetSpec, c: CausalSpec, last: bool):
        super().__init__()
        self.last = last
        self.dilated = CausalConv(c)
        if not last:
            self.residual = nn.Linear(spec.gate_width, spec.width)
        self.skip = nn.Linear(spec.gate_width, spec.skip_width)

    def advance(self, x: Tensor, queue: Queue) -> tuple[Tensor, Tensor, Queue]:
        """Go on from what was read before."""
        both, queue = joined(queue, x)
        y, gate = self.dilated(both).chunk(2, -1)  # [B, T, gate_width] each
        y = torch.tanh(y) * torch.sigmoid(gate)
        x = x if self.last else x + self.residual(y)
        return x, self.skip(y), queue


class WaveNet(Generates, nn.Module):
    def __init__(self, spec: WaveNetSpec):
        super().__init__()
        self.spec = spec
        first, *convs = spec.convs
        self.embedding = nn.Embedding(spec.vocab_size, spec.width)
        self.causal = CausalConv(first)
        self.blocks = nn.ModuleList(
            Block(spec, c, i == spec.last) for i, c in enumerate(convs)
        )
        self.head1 = nn.Linear(spec.skip_width, spec.skip_width)
        self.head2 = nn.Linear(spec.skip_width, spec.vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.advance(tokens, self.cache(*tokens.shape)))

    def cache(self, rows: int, length: int) -> list[Queue]:
        """What stands before the first sample; it is as much after many."""
        empty = self.embedding.weight.new_zeros
        return [(empty(rows, c.before, c.c_in),) for c in self.spec.convs]

    def extend(self, tokens: Tensor, cache: list[Queue], places: Tensor) -> Tensor:
        return self.head(self.advance(tokens, cache)[:, -1])

    def advance(self, tokens: Tensor, cache: list[Queue]) -> Tensor:
        x, cache[0] = joined(cache[0], self.embedding(tokens))
        x = self.causal(x)  # [B, T, width]
        total: Any = 0.0
        for i, block in enumerate(self.blocks, 1):
            x, skip, cache[i] = block.advance(x, cache[i])  # type: ignore[operator]
            total = total + skip
        return total  # [B, T, skip_width]

    def head(self, x: Tensor) -> Tensor:
        return full(self.head2(F.relu(self.head1(F.relu(x)))))

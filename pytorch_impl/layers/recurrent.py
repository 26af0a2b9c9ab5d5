"""Layers as specs describe them, and those whose behaviour torch does not share with
the others."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.randomness import Draws
from shared.specs.base import BatchNormed, Conv1dSpec, ConvSpec, Pool, SqueezeSpec
from shared.specs.sequence.recurrent import StackSpec


def conv(c: ConvSpec) -> nn.Conv2d:
    (top, bottom), (left, right) = c.pads
    if (top, left) != (bottom, right):
        return LopsidedConv2d(c)
    return nn.Conv2d(
        c.c_in, c.c_out, c.k, c.stride, (top, left), groups=c.groups, bias=c.bias
    )


class LopsidedConv2d(nn.Conv2d):
    """DIFF(lopsided): nn.Conv2d pads both sides alike."""

    def __init__(self, c: ConvSpec):
        super().__init__(c.c_in, c.c_out, c.k, c.stride, groups=c.groups, bias=c.bias)
        (top, bottom), (left, right) = c.pads
        self.around = (left, right, top, bottom)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around))


def conv1d(c: Conv1dSpec) -> nn.Conv1d:
    first, last = c.pads
    if first != last:
        return LopsidedConv1d(c)
    return nn.Conv1d(c.c_in, c.c_out, c.k, c.stride, first, bias=c.bias)


class LopsidedConv1d(nn.Conv1d):
    """DIFF(lopsided): nn.Conv1d pads both ends alike."""

    def __init__(self, c: Conv1dSpec):
        super().__init__(c.c_in, c.c_out, c.k, c.stride, bias=c.bias)
        self.around = c.pads

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around))


def norm(channels: int, spec: BatchNormed) -> nn.BatchNorm2d:
    # DIFF(bn-momentum): torch's momentum weighs the NEW value.
    return nn.BatchNorm2d(channels, eps=spec.bn_eps, momentum=1 - spec.bn_decay)


def norm1d(channels: int, spec: BatchNormed) -> nn.BatchNorm1d:
    # DIFF(bn-momentum)
    return nn.BatchNorm1d(channels, eps=spec.bn_eps, momentum=1 - spec.bn_decay)


class LayerNorm2d(nn.LayerNorm):
    """DIFF(norm-axis): nn.LayerNorm knows the last axes alone, here it is channels."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


# DIFF(in-place): what nobody reads again is written over.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": F.relu_,
    "relu6": lambda x: F.relu6(x, inplace=True),
    "silu": lambda x: F.silu(x, inplace=True),
    "hard_swish": lambda x: F.hardswish(x, inplace=True),
    # DIFF(hard-float32): the gradient of F.hardsigmoid has 1/6 in float32.
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


class Activation(nn.Module):
    """For lists of layers whose published names count it."""

    def __init__(self, name: str):
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x)


class SqueezeExcitation(nn.Module):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec):
        super().__init__()
        self.s = s
        self.fc1, self.fc2 = map(conv, s.convs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc1(x.mean((2, 3), keepdim=True))  # [B, squeezed, 1, 1]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)


class MaxPool2d(nn.Module):
    """For lists of layers whose published names count it."""

    def __init__(self, p: Pool):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(x, self.p)


def max_pool(x: Tensor, p: Pool) -> Tensor:
    (top, bottom), (left, right) = p.pads
    if (top, left) != (bottom, right):
        # DIFF(lopsided)
        x = F.pad(x, (left, right, top, bottom), value=-math.inf)
        return F.max_pool2d(x, p.size, p.stride, ceil_mode=p.ceil)
    return F.max_pool2d(x, p.size, p.stride, (top, left), ceil_mode=p.ceil)


def max_pool1d(x: Tensor, size: int) -> Tensor:
    """Windows beside each other; the last is as short as it falls."""
    return F.max_pool1d(x, size, ceil_mode=True)


def avg_pool(x: Tensor, p: Pool) -> Tensor:
    (top, bottom), (left, right) = p.pads
    if (top, left) != (bottom, right):
        raise NotImplementedError(f"a mean with more padding on one side: {p}")
    return F.avg_pool2d(
        x, p.size, p.stride, (top, left), count_include_pad=p.count_pads
    )


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

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it. A bias
    is added to the scores.
    """

    def __init__(self, rate: float, causal: bool):
        super().__init__()
        self.dropout = Dropout(rate)
        self.causal = causal

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        rate = self.dropout.p if self.training else 0.0
        learning = bias is not None and bias.requires_grad
        if not learning and (rate == 0 or self.dropout.draws is None):
            # DIFF(attention): fused; it keeps no probabilities for the suite to drop,
            # and is slow where a bias learns.
            return self._fused(q, k, v, bias, rate)
        scores = q / math.sqrt(q.shape[-1]) @ k.mT  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            future = torch.ones_like(scores, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(future, -math.inf)
        return self.dropout(scores.softmax(-1)) @ v

    def _fused(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, rate: float
    ) -> Tensor:
        """Fast where there are four axes."""
        if bias is not None:
            scores = *q.shape[:-1], k.shape[-2]
            bias = bias.expand(scores).flatten(0, -4)
        flat_q, flat_k, flat_v = (x.flatten(0, -4) for x in (q, k, v))
        y = F.scaled_dot_product_attention(
            flat_q, flat_k, flat_v, bias, rate, is_causal=self.causal
        )
        return y.reshape(q.shape)


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

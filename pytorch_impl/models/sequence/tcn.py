"""Temporal convolutional networks in PyTorch, [B, C, T].

Spec, names, paper: shared/specs/sequence/tcn.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout
from shared.specs.sequence.tcn import CausalSpec, Level, TCNSpec


class CausalConv(nn.Module):
    """w = g v / |v| (Salimans, Kingma 2016, equation 2)."""

    def __init__(self, c: CausalSpec):
        super().__init__()
        self.c = c
        self.weight_g = nn.Parameter(torch.empty(c.c_out, 1, 1))
        self.weight_v = nn.Parameter(torch.empty(c.c_out, c.c_in, c.k))
        self.bias = nn.Parameter(torch.empty(c.c_out))

    def forward(self, x: Tensor) -> Tensor:
        norm = self.weight_v.square().sum((1, 2), keepdim=True).sqrt()
        weight = self.weight_g * self.weight_v / norm
        x = F.pad(x, (self.c.before, 0))
        return F.conv1d(x, weight, self.bias, dilation=self.c.dilation)


class Block(nn.Module):
    """Figure 1(b)."""

    def __init__(self, level: Level, spec: TCNSpec):
        super().__init__()
        self.conv1 = CausalConv(level.conv1)
        self.drop1 = Dropout(spec.dropout)
        self.conv2 = CausalConv(level.conv2)
        self.drop2 = Dropout(spec.dropout)
        self.downsample = (
            nn.Linear(level.conv1.c_in, level.conv2.c_out) if level.projects else None
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x.transpose(1, 2)).transpose(1, 2)
        x = self.drop1(F.relu(self.conv1(x)))
        x = self.drop2(F.relu(self.conv2(x)))
        return F.relu(x + shortcut)  # [B, c_out, T]


class TCN(nn.Module):
    def __init__(self, spec: TCNSpec):
        super().__init__()
        self.spec = spec
        self.levels = nn.ModuleList(Block(level, spec) for level in spec.levels)
        self.fc = nn.Linear(spec.widths[-1], spec.num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)  # [B, features, T]
        for block in self.levels:
            x = block(x)
        return self.fc(x[..., -1])  # [B, num_outputs]

"""Convolutions along time in PyTorch, [B, C, L].

Spec, names: shared/specs/sequence/cnn1d.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv1d, max_pool1d, norm1d
from shared.specs.base import Conv1dSpec
from shared.specs.sequence.cnn1d import CNN1DSpec


class Block(nn.Module):
    def __init__(self, c: Conv1dSpec, spec: CNN1DSpec):
        super().__init__()
        self.conv = conv1d(c)
        self.norm = norm1d(c.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.norm(self.conv(x)))  # [B, c_out, L/s]


class CNN1D(nn.Module):
    def __init__(self, spec: CNN1DSpec):
        super().__init__()
        self.spec = spec
        self.stages = nn.ModuleList(
            nn.ModuleList(Block(c, spec) for c in stage) for stage in spec.convs
        )
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for i, stage in enumerate(self.stages):
            for block in stage:  # type: ignore[attr-defined]
                x = block(x)
            if i < self.spec.pools:
                x = max_pool1d(x, self.spec.pool)  # [B, width, L/pool]
        return self.fc(x.mean(2))  # [B, num_classes]

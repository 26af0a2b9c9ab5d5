"""Dilated convolutions in time that look back only."""

import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.wide = wide
        self.conv = nn.Conv1d(4, 4, 3, dilation=wide)
        self.mix = nn.Conv1d(4, 4, 1)

    def forward(self, x):
        y = F.elu(self.conv(F.pad(x, (2 * self.wide, 0))))
        return x + self.mix(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(3, 4)
        self.blocks = nn.ModuleList(Block(d) for d in (1, 2, 4))

    def forward(self, x):
        x = self.lift(x).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x.transpose(1, 2)


def make():
    return Net()

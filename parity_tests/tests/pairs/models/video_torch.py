"""Convolutions of a video, and two heads."""

import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, stride=2, padding=1)
        self.pool = nn.AvgPool3d(2)
        self.mean, self.spread = nn.Linear(32, 3), nn.Linear(32, 3)

    def forward(self, x):
        x = self.pool(F.softplus(self.conv(x))).flatten(1)
        return {"mean": self.mean(x), "spread": F.softplus(self.spread(x))}


def make():
    return Net()

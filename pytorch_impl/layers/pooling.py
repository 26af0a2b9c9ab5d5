"""Pools as specs describe them: windows of a maximum or a mean."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from shared.specs.base import Pool


class MaxPool2d(nn.Module):
    """A maximum as a layer, for lists of layers whose published names count it."""

    def __init__(self, p: Pool):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(x, self.p)


class MapMean(nn.Module):
    """The mean of each map, as a map of one place."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)


def max_pool(x: Tensor, p: Pool) -> Tensor:
    (top, bottom), (left, right) = p.pads
    if (top, left) != (bottom, right):
        # DIFF(lopsided)
        x = F.pad(x, (left, right, top, bottom), value=-math.inf)
        return F.max_pool2d(x, p.size, p.stride, ceil_mode=p.ceil)
    return F.max_pool2d(x, p.size, p.stride, (top, left), ceil_mode=p.ceil)


def max_pool1d(x: Tensor, size: int) -> Tensor:
    """Take the maximum of windows side by side; the last is as short as it falls."""
    return F.max_pool1d(x, size, ceil_mode=True)


def avg_pool(x: Tensor, p: Pool) -> Tensor:
    (top, bottom), (left, right) = p.pads
    if (top, left) != (bottom, right):
        raise NotImplementedError(f"a mean with more padding on one side: {p}")
    return F.avg_pool2d(
        x, p.size, p.stride, (top, left), count_include_pad=p.count_pads
    )

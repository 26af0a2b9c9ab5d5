"""Two layers, in Flax by way of Linen."""

from torch import nn


def make():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))

"""The same layers as a list, the last one scripted by hand."""

from torch import nn


def make():
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)),
        nn.ReLU6(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(16, 3), nn.LogSoftmax(-1)),
    )

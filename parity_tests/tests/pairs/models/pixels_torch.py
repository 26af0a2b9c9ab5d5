"""Two convolutions with a norm and a pool between them, in PyTorch."""

import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(F.relu(self.bn(self.conv1(x))))
        return self.head(F.relu(self.conv2(x)).mean((2, 3)))


make = Net

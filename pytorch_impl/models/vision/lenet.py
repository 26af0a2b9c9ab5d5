"""LeNet-5 in PyTorch, BCHW.

Specs, names, paper: shared/specs/vision/lenet.py.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    avg_pool,
    conv,
    max_pool,
)
from shared.specs.vision.lenet import (
    LeNet5Spec,
    LeNetSpec,
    SubsamplingSpec,
    TableConvSpec,
)


class TableConv(nn.Module):
    """A map reads the maps that the table lists (table I); one kernel a pair.

    Filled up with zeros to a dense kernel: a convolution a map is ten times slower.
    """

    def __init__(self, c: TableConvSpec):
        super().__init__()
        self.c = c
        self.weight = nn.Parameter(torch.zeros(len(c.pairs), c.k, c.k))
        self.bias = nn.Parameter(torch.zeros(c.c_out))

    def forward(self, x: Tensor) -> Tensor:
        c = self.c
        row, column = torch.tensor(c.pairs, device=x.device).unbind(1)
        kernel = self.weight.new_zeros(c.c_out, c.c_in, c.k, c.k)
        kernel[row, column] = self.weight
        return F.conv2d(x, kernel, self.bias)


class Subsampling(nn.Module):
    """The sum of each window, times a coefficient, plus a bias."""

    def __init__(self, s: SubsamplingSpec):
        super().__init__()
        self.s = s
        self.weight = nn.Parameter(torch.zeros(s.channels))
        self.bias = nn.Parameter(torch.zeros(s.channels))

    def forward(self, x: Tensor) -> Tensor:
        total = avg_pool(x, self.s.pool) * self.s.inputs
        return total * self.weight[:, None, None] + self.bias[:, None, None]


class RBF(nn.Module):
    """Gives the squared distances to fixed centers (eq. 7)."""

    centers: Tensor

    def __init__(self, spec: LeNet5Spec):
        super().__init__()
        self.register_buffer("centers", torch.tensor(spec.centers))

    def forward(self, x: Tensor) -> Tensor:
        return torch.square(x[:, None] - self.centers).sum(2)


class LeNet5(nn.Module):
    def __init__(self, spec: LeNet5Spec):
        super().__init__()
        self.spec = spec
        self.c1 = conv(spec.c1)
        self.s2 = Subsampling(spec.s2)
        self.c3 = TableConv(spec.c3)
        self.s4 = Subsampling(spec.s4)
        self.c5 = conv(spec.c5)
        self.f6 = nn.Linear(spec.c5.c_out, spec.f6)
        rbf = spec.output == "rbf"
        self.head = RBF(spec) if rbf else nn.Linear(spec.f6, spec.num_classes)

    def squash(self, x: Tensor) -> Tensor:
        return self.spec.amplitude * torch.tanh(self.spec.slope * x)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x))
        x = self.squash(self.f6(x.flatten(1)))  # [B, 84]
        return self.head(x)  # [B, num_classes]


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
}
POOLINGS: dict[str, Callable[..., Tensor]] = {
    "average": avg_pool,
    "max": max_pool,
}


class LeNet(nn.Module):
    def __init__(self, spec: LeNetSpec):
        super().__init__()
        self.spec = spec
        self.conv1 = conv(spec.conv1)
        self.conv2 = conv(spec.conv2)
        self.fc1 = nn.Linear(spec.flat, spec.hidden[0])
        self.fc2 = nn.Linear(*spec.hidden)
        self.fc3 = nn.Linear(spec.hidden[1], spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        activate = ACTIVATIONS[self.spec.activation]
        pool, window = POOLINGS[self.spec.pooling], self.spec.pool
        x = pool(activate(self.conv1(x)), window)  # [B, 6, 14, 14]
        x = pool(activate(self.conv2(x)), window)  # [B, 16, 5, 5]
        x = activate(self.fc1(x.flatten(1)))  # [B, 120]
        x = activate(self.fc2(x))  # [B, 84]
        return self.fc3(x)  # [B, num_classes]

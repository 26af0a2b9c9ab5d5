"""LeNet-5 in NumPy, BCHW.

Specs, names, paper: shared/specs/vision/lenet.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU, ScaledTanh, Sigmoid, Tanh
from shared.reference.layers.convolution import Convolution, conv
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import AvgPool2d, Flatten, MaxPool2d
from shared.reference.module import Chain, Module, Operation, Parameter
from shared.specs.vision.lenet import (
    LeNet5Spec,
    LeNetSpec,
    SubsamplingSpec,
    TableConvSpec,
)


class TableConv(Module):
    """A map reads the maps that the table lists (table I); one kernel a pair.

    Where the table has no pair the dense kernel is 0 and its gradient goes nowhere.
    """

    def __init__(self, c: TableConvSpec):
        self.c = c
        self.weight = Parameter((len(c.pairs), c.k, c.k))
        self.bias = Parameter((c.c_out,))
        self.convolve = Convolution(1, ((0, 0), (0, 0)))

    def forward(self, x: Array) -> Array:
        c = self.c
        row, column = np.array(c.pairs).T
        kernel = np.zeros_like(x, shape=(c.c_out, c.c_in, c.k, c.k))
        kernel[row, column] = self.weight.value
        return self.convolve(x, kernel) + self.bias.value[:, None, None]

    def backward(self, g: Array) -> Array:
        of_x, of_kernel = self.convolve.backward(g)
        row, column = np.array(self.c.pairs).T
        self.weight.add(of_kernel[row, column])
        self.bias.add(g.sum((0, 2, 3)))
        return of_x


class Subsampling(Module):
    """The sum of each window, times a coefficient, plus a bias."""

    def __init__(self, s: SubsamplingSpec):
        self.s = s
        self.weight = Parameter((s.channels,))
        self.bias = Parameter((s.channels,))
        self.pool = AvgPool2d(s.pool)

    def forward(self, x: Array) -> Array:
        self.total = self.pool(x) * self.s.inputs
        return (
            self.total * self.weight.value[:, None, None]
            + (self.bias.value[:, None, None])
        )

    def backward(self, g: Array) -> Array:
        self.weight.add((g * self.total).sum((0, 2, 3)))
        self.bias.add(g.sum((0, 2, 3)))
        return self.pool.backward(g * self.weight.value[:, None, None] * self.s.inputs)


class RBF(Module):
    """Squared distances to fixed centers (eq. 7): dy_i/dx_j = 2 (x_j - w_ij)."""

    def __init__(self, spec: LeNet5Spec):
        self.centers = Parameter((spec.num_classes, spec.f6), trainable=False)

    def forward(self, x: Array) -> Array:
        self.apart = x[:, None] - self.centers.value  # [B, num_classes, 84]
        return np.square(self.apart).sum(2)

    def backward(self, g: Array) -> Array:
        return (2 * self.apart * g[:, :, None]).sum(1)


class LeNet5(Module):
    def __init__(self, spec: LeNet5Spec):
        self.spec = spec
        self.c1 = conv(spec.c1)
        self.s2 = Subsampling(spec.s2)
        self.c3 = TableConv(spec.c3)
        self.s4 = Subsampling(spec.s4)
        self.c5 = conv(spec.c5)
        self.f6 = Linear(spec.c5.c_out, spec.f6)
        rbf = spec.output == "rbf"
        self.head = RBF(spec) if rbf else Linear(spec.f6, spec.num_classes)
        layers = self.c1, self.s2, self.c3, self.s4, self.c5
        self.steps = Chain(
            *(Chain(layer, self.squash()) for layer in layers),
            Flatten(),
            Chain(self.f6, self.squash()),  # [B, 84]
            self.head,  # [B, num_classes]
        )

    def squash(self) -> Operation:
        return ScaledTanh(self.spec.amplitude, self.spec.slope)

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)


ACTIVATIONS: dict[str, type[Operation]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
}
POOLINGS: dict[str, type[AvgPool2d] | type[MaxPool2d]] = {
    "average": AvgPool2d,
    "max": MaxPool2d,
}


class LeNet(Module):
    def __init__(self, spec: LeNetSpec):
        self.conv1 = conv(spec.conv1)
        self.conv2 = conv(spec.conv2)
        self.fc1 = Linear(spec.flat, spec.hidden[0])
        self.fc2 = Linear(*spec.hidden)
        self.fc3 = Linear(spec.hidden[1], spec.num_classes)
        activate, pool = ACTIVATIONS[spec.activation], POOLINGS[spec.pooling]
        self.steps = Chain(
            Chain(self.conv1, activate(), pool(spec.pool)),  # [B, 6, 14, 14]
            Chain(self.conv2, activate(), pool(spec.pool)),  # [B, 16, 5, 5]
            Flatten(),
            Chain(self.fc1, activate()),  # [B, 120]
            Chain(self.fc2, activate()),  # [B, 84]
            self.fc3,  # [B, num_classes]
        )

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)

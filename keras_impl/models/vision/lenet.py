"""LeNet-5 in Keras 3, BHWC.

Specs, names, paper: shared/specs/vision/lenet.py.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, ops
from keras.initializers import Constant

from keras_impl.layers import (
    Dense,
    SpecModel,
    avg_pool,
    conv,
    flatten,
    max_pool,
)
from keras_impl.precision import exact
from shared.specs.vision.lenet import (
    LeNet5Spec,
    LeNetSpec,
    SubsamplingSpec,
    TableConvSpec,
)


class TableConv(keras.Layer):
    """A map reads the maps that the table lists (table I); one kernel a pair.

    Filled up with zeros to a dense kernel: a convolution a map is ten times slower.
    """

    def __init__(self, c: TableConvSpec):
        super().__init__()
        self.c = c
        self.weight = self.add_weight((len(c.pairs), c.k, c.k), "zeros", name="weight")
        self.bias = self.add_weight((c.c_out,), "zeros", name="bias")

    def call(self, x: KerasTensor) -> KerasTensor:
        c = self.c
        kernel = ops.scatter(
            ops.array(c.pairs), self.weight, (c.c_out, c.c_in, c.k, c.k)
        )
        kernel = ops.transpose(kernel, (2, 3, 1, 0))
        x = ops.conv(x, kernel, 1, "valid", data_format="channels_last")
        return x + self.bias


class Subsampling(keras.Layer):
    """The sum of each window, times a coefficient, plus a bias."""

    def __init__(self, s: SubsamplingSpec):
        super().__init__()
        self.s = s
        self.weight, self.bias = (
            self.add_weight((s.channels,), "zeros", name=name, autocast=False)
            for name in ("weight", "bias")
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        total = avg_pool(x, self.s.pool) * self.s.inputs
        return total * self.weight + self.bias


class RBF(keras.Layer):
    """Gives the squared distances to fixed centers (eq. 7)."""

    def __init__(self, spec: LeNet5Spec):
        super().__init__()
        self.centers = self.add_weight(
            (spec.num_classes, spec.f6),
            Constant(spec.centers),
            trainable=False,
            name="centers",
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        x, centers = exact((x, self.centers))
        return ops.sum(ops.square(x[:, None] - centers), 2)


class LeNet5(SpecModel):
    def __init__(self, spec: LeNet5Spec):
        super().__init__(spec)
        self.c1 = conv(spec.c1)
        self.s2 = Subsampling(spec.s2)
        self.c3 = TableConv(spec.c3)
        self.s4 = Subsampling(spec.s4)
        self.c5 = conv(spec.c5)
        self.f6 = Dense(spec.c5.c_out, spec.f6)
        rbf = spec.output == "rbf"
        self.head = RBF(spec) if rbf else Dense(spec.f6, spec.num_classes)

    def squash(self, x: KerasTensor) -> KerasTensor:
        return self.spec.amplitude * ops.tanh(self.spec.slope * x)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x))
        x = self.squash(self.f6(flatten(x)))  # [B, 84]
        return self.head(x)  # [B, num_classes]


ACTIVATIONS: dict[str, Callable[..., KerasTensor]] = {
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
}
POOLINGS: dict[str, Callable[..., KerasTensor]] = {"average": avg_pool, "max": max_pool}


class LeNet(SpecModel):
    def __init__(self, spec: LeNetSpec):
        super().__init__(spec)
        self.conv1 = conv(spec.conv1)
        self.conv2 = conv(spec.conv2)
        self.fc1 = Dense(spec.flat, spec.hidden[0])
        self.fc2 = Dense(*spec.hidden)
        self.fc3 = Dense(spec.hidden[1], spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        activate = ACTIVATIONS[self.spec.activation]
        pool, window = POOLINGS[self.spec.pooling], self.spec.pool
        x = pool(activate(self.conv1(x)), window)  # [B, 14, 14, 6]
        x = pool(activate(self.conv2(x)), window)  # [B, 5, 5, 16]
        x = activate(self.fc1(flatten(x)))  # [B, 120]
        x = activate(self.fc2(x))  # [B, 84]
        return self.fc3(x)  # [B, num_classes]

"""LeNet-5 in JAX (Flax NNX), BHWC.

Specs, names, paper: shared/specs/vision/lenet.py.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Linear,
    avg_pool,
    conv,
    flatten,
    max_pool,
)
from shared.specs.vision.lenet import (
    LeNet5Spec,
    LeNetSpec,
    SubsamplingSpec,
    TableConvSpec,
)


class TableConv(nnx.Module):
    """A map reads the maps that the table lists (table I); one kernel a pair.

    Filled up with zeros to a dense kernel: a convolution a map is ten times slower.
    """

    def __init__(self, c: TableConvSpec):
        self.c = c
        self.weight = nnx.Param(jnp.zeros((len(c.pairs), c.k, c.k)))
        self.bias = nnx.Param(jnp.zeros(c.c_out))

    def __call__(self, x: Array) -> Array:
        c = self.c
        row, column = jnp.array(c.pairs).T
        kernel = jnp.zeros((c.c_out, c.c_in, c.k, c.k), x.dtype)
        kernel = kernel.at[row, column].set(self.weight[...].astype(x.dtype))
        x = jax.lax.conv_general_dilated(
            x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "OIHW", "NHWC")
        )
        return x + self.bias[...]


class Subsampling(nnx.Module):
    """The sum of each window, times a coefficient, plus a bias."""

    def __init__(self, s: SubsamplingSpec):
        self.s = s
        self.weight = nnx.Param(jnp.zeros(s.channels))
        self.bias = nnx.Param(jnp.zeros(s.channels))

    def __call__(self, x: Array) -> Array:
        total = avg_pool(x, self.s.pool) * self.s.inputs
        return total * self.weight[...] + self.bias[...]


class RBF(nnx.Module):
    """Gives the squared distances to fixed centers (eq. 7)."""

    def __init__(self, spec: LeNet5Spec):
        self.centers = nnx.Variable(jnp.array(spec.centers))

    def __call__(self, x: Array) -> Array:
        return jnp.square(x[:, None] - self.centers[...]).sum(2)


class LeNet5(nnx.Module):
    def __init__(self, spec: LeNet5Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.c1 = conv(spec.c1, rngs=rngs)
        self.s2 = Subsampling(spec.s2)
        self.c3 = TableConv(spec.c3)
        self.s4 = Subsampling(spec.s4)
        self.c5 = conv(spec.c5, rngs=rngs)
        self.f6 = Linear(spec.c5.c_out, spec.f6, rngs=rngs)
        rbf = spec.output == "rbf"
        self.head = RBF(spec) if rbf else Linear(spec.f6, spec.num_classes, rngs=rngs)

    def squash(self, x: Array) -> Array:
        return self.spec.amplitude * nnx.tanh(self.spec.slope * x)

    def __call__(self, x: Array) -> Array:
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x))
        x = self.squash(self.f6(flatten(x)))  # [B, 84]
        return self.head(x)  # [B, num_classes]


ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "sigmoid": nnx.sigmoid,
    "tanh": nnx.tanh,
    "relu": nnx.relu,
}
POOLINGS: dict[str, Callable[..., Array]] = {"average": avg_pool, "max": max_pool}


class LeNet(nnx.Module):
    def __init__(self, spec: LeNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.conv1 = conv(spec.conv1, rngs=rngs)
        self.conv2 = conv(spec.conv2, rngs=rngs)
        self.fc1 = Linear(spec.flat, spec.hidden[0], rngs=rngs)
        self.fc2 = Linear(*spec.hidden, rngs=rngs)
        self.fc3 = Linear(spec.hidden[1], spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        activate = ACTIVATIONS[self.spec.activation]
        pool, window = POOLINGS[self.spec.pooling], self.spec.pool
        x = pool(activate(self.conv1(x)), window)  # [B, 14, 14, 6]
        x = pool(activate(self.conv2(x)), window)  # [B, 5, 5, 16]
        x = activate(self.fc1(flatten(x)))  # [B, 120]
        x = activate(self.fc2(x))  # [B, 84]
        return self.fc3(x)  # [B, num_classes]

"""Multilayer perceptron in NumPy, [B, features].

Spec, paper: shared/specs/classic/mlp.py.
"""

from shared.arrays import Array
from shared.reference.layers.activation import GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import BatchNorm
from shared.reference.module import Module, Operation
from shared.specs.classic.mlp import MLPSpec


def norm(channels: int, spec: MLPSpec) -> BatchNorm:
    return BatchNorm(channels, spec.bn_eps, spec.bn_decay)


def activation(spec: MLPSpec) -> Operation:
    choices: dict[str, Operation] = {
        "sigmoid": Sigmoid(),
        "tanh": Tanh(),
        "relu": ReLU(),
        "leaky_relu": LeakyReLU(spec.leaky_slope),
        "gelu": GELU(),
    }
    return choices[spec.activation]


class Hidden(Module):
    def __init__(self, c_in: int, c_out: int, spec: MLPSpec):
        self.linear = Linear(c_in, c_out, bias=spec.hidden_bias)
        self.norm = norm(c_out, spec) if spec.batch_norm else None
        self.activate = activation(spec)
        self.dropout = Dropout(spec.dropout)

    def forward(self, x: Array) -> Array:
        x = self.linear(x)  # [B, c_out]
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(self.activate(x))

    def backward(self, g: Array) -> Array:
        g = self.activate.backward(self.dropout.backward(g))
        if self.norm is not None:
            g = self.norm.backward(g)
        return self.linear.backward(g)


class MLP(Module):
    def __init__(self, spec: MLPSpec):
        self.hidden = [Hidden(*sizes, spec) for sizes in spec.sizes]
        self.fc = Linear(spec.c_out, spec.targets)

    def forward(self, x: Array) -> Array:
        for hidden in self.hidden:
            x = hidden(x)
        return self.fc(x)  # [B, targets]

    def backward(self, g: Array) -> Array:
        g = self.fc.backward(g)
        for hidden in reversed(self.hidden):
            g = hidden.backward(g)
        return g

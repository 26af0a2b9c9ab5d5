"""Multilayer perceptron in Keras 3, [B, features].

Spec, paper: shared/specs/classic/mlp.py.
"""

from collections.abc import Callable
from functools import partial

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    SpecModel,
    gelu,
    leaky_relu,
)
from shared.specs.classic.mlp import MLPSpec


def norm(channels: int, spec: MLPSpec) -> BatchNormalization:
    return BatchNormalization(
        channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, ndim=2
    )


def activation(spec: MLPSpec) -> Callable[[KerasTensor], KerasTensor]:
    choices: dict[str, Callable[[KerasTensor], KerasTensor]] = {
        "sigmoid": ops.sigmoid,
        "tanh": ops.tanh,
        "relu": ops.relu,
        "leaky_relu": partial(leaky_relu, slope=spec.leaky_slope),
        "gelu": gelu,
    }
    return choices[spec.activation]


class Hidden(keras.Layer):
    def __init__(self, c_in: int, c_out: int, spec: MLPSpec):
        super().__init__()
        self.spec = spec
        self.linear = Dense(c_in, c_out, use_bias=spec.hidden_bias)
        self.norm = norm(c_out, spec) if spec.batch_norm else None
        self.dropout = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.linear(x)  # [B, c_out]
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout(activation(self.spec)(x))


class MLP(SpecModel):
    def __init__(self, spec: MLPSpec):
        super().__init__(spec)
        self.hidden = [Hidden(*sizes, spec) for sizes in spec.sizes]
        self.fc = Dense(spec.c_out, spec.targets)

    def call(self, x: KerasTensor) -> KerasTensor:
        for hidden in self.hidden:
            x = hidden(x)
        return self.fc(x)  # [B, targets]

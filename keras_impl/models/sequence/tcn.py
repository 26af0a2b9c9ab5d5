"""Temporal convolutional networks in Keras 3, [B, T, C].

Spec, names, paper: shared/specs/sequence/tcn.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, MapDropout, SpecModel
from shared.specs.sequence.tcn import CausalSpec, Level, TCNSpec


class CausalConv(keras.Layer):
    """w = g v / |v| (Salimans, Kingma 2016, equation 2)."""

    def __init__(self, c: CausalSpec):
        super().__init__()
        self.c = c
        self.weight_g = self.weight("weight_g", (c.c_out, 1, 1))
        self.weight_v = self.weight("weight_v", (c.c_out, c.c_in, c.k))
        self.bias = self.add_weight((c.c_out,), "zeros", name="bias")

    def weight(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
        """One that is normalised in full precision."""
        return self.add_weight(shape, "zeros", name=name, autocast=False)

    def call(self, x: KerasTensor) -> KerasTensor:
        norm = ops.sqrt(ops.sum(ops.square(self.weight_v), (1, 2), keepdims=True))
        weight = self.weight_g * self.weight_v / norm
        x = ops.pad(x, ((0, 0), (self.c.before, 0), (0, 0)))
        kernel = ops.cast(ops.transpose(weight, (2, 1, 0)), x.dtype)
        return ops.conv(x, kernel, dilation_rate=self.c.dilation) + self.bias


class Block(keras.Layer):
    """Figure 1(b)."""

    def __init__(self, level: Level, spec: TCNSpec):
        super().__init__()
        self.conv1 = CausalConv(level.conv1)
        self.drop1 = MapDropout(spec.dropout)
        self.conv2 = CausalConv(level.conv2)
        self.drop2 = MapDropout(spec.dropout)
        self.downsample = (
            Dense(level.conv1.c_in, level.conv2.c_out) if level.projects else None
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x)
        x = self.drop1(ops.relu(self.conv1(x)))
        x = self.drop2(ops.relu(self.conv2(x)))
        return ops.relu(x + shortcut)  # [B, T, c_out]


class TCN(SpecModel):
    def __init__(self, spec: TCNSpec):
        super().__init__(spec)
        self.levels = [Block(level, spec) for level in spec.levels]
        self.fc = Dense(spec.widths[-1], spec.num_outputs)

    def call(self, x: KerasTensor) -> KerasTensor:
        for block in self.levels:
            x = block(x)
        return self.fc(x[:, -1])  # [B, num_outputs]

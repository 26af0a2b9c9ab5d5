"""RegNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/regnet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Dense,
    SpecModel,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.regnet import BlockSpec, RegNetSpec


def conv_norm(c: ConvSpec, spec: RegNetSpec) -> keras.Sequential:
    return keras.Sequential([conv(c), norm(c.c_out, spec)])


class Transform(keras.Layer):
    """1x1, 3x3 in groups, squeeze and excitation, 1x1 (figure 4)."""

    def __init__(self, b: BlockSpec, spec: RegNetSpec):
        super().__init__()
        a, b_, c = b.convs
        self.a = conv_norm(a, spec)
        self.b = conv_norm(b_, spec)
        self.se = SqueezeExcitation(b.squeeze) if b.squeeze else Activation("identity")
        self.c = conv_norm(c, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu(self.a(x))  # [B, H, W, C']
        x = ops.relu(self.b(x))  # [B, H/s, W/s, C']
        return self.c(self.se(x))


class Block(keras.Layer):
    def __init__(self, b: BlockSpec, spec: RegNetSpec):
        super().__init__()
        self.proj = conv_norm(b.proj, spec) if b.proj else Activation("identity")
        self.f = Transform(b, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.f(x)  # [B, H/s, W/s, C']
        return ops.relu(self.proj(x) + y)


class RegNet(SpecModel):
    def __init__(self, spec: RegNetSpec):
        super().__init__(spec)
        self.stem = conv_norm(spec.stem, spec)
        self.trunk_output = {
            s.name: {b.name: Block(b, spec) for b in s.blocks} for s in spec.stages
        }
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu(self.stem(x))  # [B, H/2, W/2, 32]
        for stage in self.trunk_output.values():
            for block in stage.values():
                x = block(x)  # at last [B, H/32, W/32, C]
        return self.fc(ops.mean(x, (1, 2)))  # [B, num_classes]

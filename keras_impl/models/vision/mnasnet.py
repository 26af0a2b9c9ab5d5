"""MnasNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/mnasnet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Dense,
    Dropout,
    SpecModel,
    conv,
    norm,
)
from shared.specs.vision.mnasnet import BlockSpec, MNASNetSpec, Step


def steps_of(steps: tuple[Step, ...], spec: MNASNetSpec) -> list[keras.Layer]:
    found: list[keras.Layer] = []
    for c, activation in steps:
        found += [conv(c), norm(c.c_out, spec)]
        if activation:
            found.append(Activation(activation))
    return found


class Block(keras.Layer):
    """An inverted residual (figure 7, MBConv)."""

    def __init__(self, b: BlockSpec, spec: MNASNetSpec):
        super().__init__()
        self.residual = b.residual
        self.block = keras.Sequential(steps_of(b.steps, spec))

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.block(x)  # [B, H/s, W/s, C']
        return x + y if self.residual else y


def features(spec: MNASNetSpec) -> list[keras.Layer]:
    found = steps_of(spec.stem, spec)
    for blocks in spec.blocks:
        found.append(keras.Sequential([Block(b, spec) for b in blocks]))
    return found + steps_of(spec.last, spec)


class MNASNet(SpecModel):
    def __init__(self, spec: MNASNetSpec):
        super().__init__(spec)
        self.features = keras.Sequential(features(spec))
        self.classifier = keras.Sequential(
            [
                Dropout(spec.dropout),
                Dense(spec.last_width, spec.num_classes),
            ]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.features(x)  # [B, H/32, W/32, 1280]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

"""MobileNetV3 in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/mobilenet_v3.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Dense,
    Dropout,
    SpecModel,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.mobilenet_v3 import BlockSpec, MobileNetV3Spec


def conv_norm(c: ConvSpec, spec: BatchNormed, activation: str) -> keras.Sequential:
    return keras.Sequential([conv(c), norm(c.c_out, spec), Activation(activation)])


class InvertedResidual(keras.Layer):
    """Made wide, filtered and weighed map by map, made narrow (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        self.shortcut = b.shortcut
        layers: list[keras.Layer] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec, b.activation))
        layers.append(conv_norm(b.depthwise, spec, b.activation))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze))
        layers.append(conv_norm(b.project, spec, "identity"))
        self.block = keras.Sequential(layers)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return x + y if self.shortcut else y


class MobileNetV3(SpecModel):
    def __init__(self, spec: MobileNetV3Spec):
        super().__init__(spec)
        hidden, last = spec.dense
        self.features = keras.Sequential(
            [
                conv_norm(spec.stem, spec, "hard_swish"),
                *[InvertedResidual(b, spec) for b in spec.blocks],
                conv_norm(spec.head, spec, "hard_swish"),
            ]
        )
        self.classifier = keras.Sequential(
            [
                Dense(*hidden),
                Activation("hard_swish"),
                Dropout(spec.dropout),
                Dense(*last),
            ]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.features(x)  # [B, H/32, W/32, 960]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

"""MobileNetV2 in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/mobilenet_v2.py.
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
from shared.specs.base import ConvSpec
from shared.specs.vision.mobilenet_v2 import BlockSpec, MobileNetV2Spec


def conv_norm(c: ConvSpec, spec: MobileNetV2Spec) -> keras.Sequential:
    return keras.Sequential([conv(c), norm(c.c_out, spec), Activation("relu6")])


class InvertedResidual(keras.Layer):
    """Made wide, filtered map by map, made narrow again (fig. 4, d)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV2Spec):
        super().__init__()
        self.shortcut = b.shortcut
        layers: list[keras.Layer] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec))
        layers.append(conv_norm(b.depthwise, spec))
        layers += [conv(b.project), norm(b.project.c_out, spec)]
        self.conv = keras.Sequential(layers)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.conv(x)  # [B, H/s, W/s, c_out]
        return x + y if self.shortcut else y


class MobileNetV2(SpecModel):
    def __init__(self, spec: MobileNetV2Spec):
        super().__init__(spec)
        self.features = keras.Sequential(
            [
                conv_norm(spec.stem, spec),
                *[InvertedResidual(b, spec) for b in spec.blocks],
                conv_norm(spec.head, spec),
            ]
        )
        self.classifier = keras.Sequential(
            [Dropout(spec.dropout), Dense(spec.head.c_out, spec.num_classes)]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.features(x)  # [B, H/32, W/32, 1280]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

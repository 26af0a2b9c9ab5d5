"""MobileNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/mobilenet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    SpecModel,
    conv,
    norm,
)
from shared.specs.vision.mobilenet import BlockSpec, MobileNetV1Spec


class SeparableConv(keras.Layer):
    """Each map filtered by itself, then all of them mixed (fig. 3, right)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV1Spec):
        super().__init__()
        self.conv_dw = conv(b.depthwise)
        self.bn1 = norm(b.depthwise.c_out, spec)
        self.conv_pw = conv(b.pointwise)
        self.bn2 = norm(b.pointwise.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu6(self.bn1(self.conv_dw(x)))  # [B, H/s, W/s, c_in]
        return ops.relu6(self.bn2(self.conv_pw(x)))  # [B, H/s, W/s, c_out]


class MobileNetV1(SpecModel):
    def __init__(self, spec: MobileNetV1Spec):
        super().__init__(spec)
        self.conv_stem = conv(spec.stem)
        self.bn1 = norm(spec.stem.c_out, spec)
        self.blocks = keras.Sequential(
            [
                keras.Sequential([SeparableConv(b, spec) for b in stage])
                for stage in spec.stages
            ]
        )
        self.dropout = Dropout(spec.dropout)
        self.classifier = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu6(self.bn1(self.conv_stem(x)))  # [B, H/2, W/2, 32]
        x = self.blocks(x)  # [B, H/32, W/32, 1024]
        return self.classifier(self.dropout(ops.mean(x, (1, 2))))  # [B, num_classes]

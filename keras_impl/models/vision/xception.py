"""Xception in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/xception.py.
"""

import keras
from keras import KerasTensor, ops
from keras.layers import ReLU

from keras_impl.layers import (
    Dense,
    MaxPooling2D,
    SpecModel,
    conv,
    norm,
)
from shared.specs.vision.xception import BlockSpec, SeparableSpec, XceptionSpec


class SeparableConv2d(keras.Layer):
    """Each map by itself, then all maps at each place."""

    def __init__(self, s: SeparableSpec):
        super().__init__()
        self.conv1 = conv(s.depthwise)
        self.pointwise = conv(s.pointwise)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.pointwise(self.conv1(x))


def rep(b: BlockSpec, spec: XceptionSpec) -> list[keras.Layer]:
    """Build a block without its shortcut."""
    found: list[keras.Layer] = []
    for i, s in enumerate(b.separables):
        if i or b.relu_first:
            found.append(ReLU())
        found += [SeparableConv2d(s), norm(s.pointwise.c_out, spec)]
    if b.pool:
        found.append(MaxPooling2D(b.pool))
    return found


class Block(keras.Layer):
    def __init__(self, b: BlockSpec, spec: XceptionSpec):
        super().__init__()
        self.b = b
        if b.skip:
            self.skip = conv(b.skip)
            self.skipbn = norm(b.skip.c_out, spec)
        self.rep = keras.Sequential(rep(b, spec))

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.rep(x)  # [B, H/s, W/s, width]
        if self.b.skip:
            x = self.skipbn(self.skip(x))
        return x + y


class Xception(SpecModel):
    def __init__(self, spec: XceptionSpec):
        super().__init__(spec)
        c1, c2 = spec.stem_convs
        s3, s4 = spec.last_separables
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.order = tuple(b.name for b in spec.blocks)
        for b in spec.blocks:
            setattr(self, b.name, Block(b, spec))
        self.conv3 = SeparableConv2d(s3)
        self.bn3 = norm(s3.pointwise.c_out, spec)
        self.conv4 = SeparableConv2d(s4)
        self.bn4 = norm(s4.pointwise.c_out, spec)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 32]
        x = ops.relu(self.bn2(self.conv2(x)))  # [B, H/2, W/2, 64]
        for name in self.order:
            x = getattr(self, name)(x)  # at last [B, H/32, W/32, 1024]
        x = ops.relu(self.bn3(self.conv3(x)))  # [B, H/32, W/32, 1536]
        x = ops.relu(self.bn4(self.conv4(x)))  # [B, H/32, W/32, 2048]
        return self.fc(ops.mean(x, (1, 2)))  # [B, num_classes]

"""ResNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/resnet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    SpecModel,
    conv,
    max_pool,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.resnet import BlockSpec, ResNetSpec


def projection(c: ConvSpec, spec: BatchNormed) -> keras.Sequential:
    """Make the 1x1 projection of the residual (eq. 2)."""
    return keras.Sequential([conv(c), norm(c.c_out, spec)])


class BasicBlock(keras.Layer):
    """Two 3x3 convs and a shortcut (fig. 5, left)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        c1, c2 = b.convs
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = ops.relu(self.bn1(self.conv1(x)))  # [B, H/s, W/s, width]
        y = self.bn2(self.conv2(y))
        if self.b.downsample:
            x = self.downsample(x)
        return ops.relu(x + y)


class Bottleneck(keras.Layer):
    """1x1, 3x3, 1x1 convs and a shortcut (fig. 5, right)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        c1, c2, c3 = b.convs
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.conv3 = conv(c3)
        self.bn3 = norm(c3.c_out, spec)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = ops.relu(self.bn1(self.conv1(x)))  # [B, H, W, inner]
        y = ops.relu(self.bn2(self.conv2(y)))  # [B, H/s, W/s, inner]
        y = self.bn3(self.conv3(y))  # [B, H/s, W/s, 4 * width]
        if self.b.downsample:
            x = self.downsample(x)
        return ops.relu(x + y)


BLOCKS: dict[str, type[keras.Layer]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(SpecModel):
    def __init__(self, spec: ResNetSpec):
        super().__init__(spec)
        block = BLOCKS[spec.block]
        stages = [[block(b, spec) for b in stage] for stage in spec.stages]
        self.conv1 = conv(spec.stem)
        self.bn1 = norm(spec.stem.c_out, spec)
        self.layer1 = stages[0]
        self.layer2 = stages[1]
        self.layer3 = stages[2]
        self.layer4 = stages[3]
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        pool = self.spec.stem_pool
        x = ops.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, pool)  # [B, H/4, W/4, 64]
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
        return self.fc(ops.mean(x, (1, 2)))  # [B, num_classes]

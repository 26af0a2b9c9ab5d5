"""EfficientNet in Keras 3, BHWC.

Spec, names, papers: shared/specs/vision/efficientnet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Dense,
    Dropout,
    DropPath,
    SpecModel,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import SqueezeSpec
from shared.specs.vision.efficientnet import BlockSpec, EfficientNetSpec, UnitSpec


def unit(u: UnitSpec | SqueezeSpec, spec: EfficientNetSpec) -> keras.Layer:
    if isinstance(u, SqueezeSpec):
        return SqueezeExcitation(u)
    return keras.Sequential(
        [conv(u.conv), norm(u.conv.c_out, spec), Activation(u.activation)]
    )


class Block(keras.Layer):
    """MBConv, or with one convolution for its first two Fused-MBConv (V2, fig. 2)."""

    def __init__(self, b: BlockSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        self.block = [unit(u, spec) for u in b.units]
        self.stochastic_depth = DropPath(b.drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = x
        for layer in self.block:
            y = layer(y)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


class EfficientNet(SpecModel):
    def __init__(self, spec: EfficientNetSpec):
        super().__init__(spec)
        stages = [[Block(b, spec) for b in blocks] for blocks in spec.blocks]
        self.features = [unit(spec.stem, spec), *stages, unit(spec.head, spec)]
        self.classifier = keras.Sequential(
            [Dropout(spec.dropout), Dense(spec.head.conv.c_out, spec.num_classes)]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        stem, *stages, head = self.features
        x = stem(x)  # [B, H/2, W/2, 32]
        for blocks in stages:
            for block in blocks:
                x = block(x)
        x = head(x)  # [B, H/32, W/32, 1280]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

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
from shared.specs.vision.efficientnet import (
    EfficientNetSpec,
    FusedSpec,
    MBConvSpec,
    UnitSpec,
)


def unit(u: UnitSpec, spec: EfficientNetSpec) -> keras.Sequential:
    return keras.Sequential(
        [conv(u.conv), norm(u.conv.c_out, spec), Activation(u.activation)]
    )


class MBConv(keras.Layer):
    """Made wide, filtered and weighed map by map, made narrow again (V2, fig. 2)."""

    def __init__(self, b: MBConvSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        layers: list[keras.Layer] = []
        if b.expand:
            layers.append(unit(b.expand, spec))
        layers.append(unit(b.depthwise, spec))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze))
        layers.append(unit(b.project, spec))
        self.block = keras.Sequential(layers)
        self.stochastic_depth = DropPath(b.drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


class FusedMBConv(keras.Layer):
    """An MBConv with one convolution for the first two (V2, fig. 2)."""

    def __init__(self, b: FusedSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        layers = [unit(b.conv, spec)]
        if b.project:
            layers.append(unit(b.project, spec))
        self.block = keras.Sequential(layers)
        self.stochastic_depth = DropPath(b.drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


def block(b: MBConvSpec | FusedSpec, spec: EfficientNetSpec) -> keras.Layer:
    if isinstance(b, MBConvSpec):
        return MBConv(b, spec)
    return FusedMBConv(b, spec)


class EfficientNet(SpecModel):
    def __init__(self, spec: EfficientNetSpec):
        super().__init__(spec)
        stages = [[block(b, spec) for b in blocks] for blocks in spec.blocks]
        self.features = [unit(spec.stem, spec), *stages, unit(spec.head, spec)]
        self.classifier = keras.Sequential(
            [Dropout(spec.dropout), Dense(spec.head.conv.c_out, spec.num_classes)]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        stem, *stages, head = self.features
        x = stem(x)  # [B, H/2, W/2, 32]
        for blocks in stages:
            for layer in blocks:
                x = layer(x)
        x = head(x)  # [B, H/32, W/32, 1280]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

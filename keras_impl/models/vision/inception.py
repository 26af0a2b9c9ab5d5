"""Inception v3, v4 and Inception-ResNet v2 in Keras 3, BHWC.

Specs, names, papers: shared/specs/vision/inception.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    ACTIVATIONS,
    Dense,
    Dropout,
    MaxPooling2D,
    SpecModel,
    avg_pool,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec, Pool
from shared.specs.vision.inception import (
    HeadSpec,
    InceptionResNetV2Spec,
    InceptionV3Spec,
    InceptionV4Spec,
    Layer,
    MeanPool,
    MixedSpec,
    Part,
    ResidualSpec,
)


class BasicConv2d(keras.Layer):
    def __init__(self, c: ConvSpec, spec: BatchNormed):
        super().__init__()
        self.conv = conv(c)
        self.bn = norm(c.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.relu(self.bn(self.conv(x)))


class Mean(keras.Layer):
    def __init__(self, p: MeanPool):
        super().__init__()
        self.p = p

    def call(self, x: KerasTensor) -> KerasTensor:
        return avg_pool(x, self.p)


class Mixed(keras.Layer):
    """Branches side by side."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        self.m = m
        for branch in m.branches:
            add(self, branch.parts, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        found = []
        for branch in self.m.branches:
            y = follow(self, branch.chain, x)
            found += [follow(self, (end,), y) for end in branch.ends]
        return ops.concatenate(found, -1)


class Residual(Mixed):
    """Branches side by side, added to what they saw (section 3.2)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__(r, spec)
        self.r = r
        self.conv2d = conv(r.projection)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.conv2d(super().call(x))
        return ACTIVATIONS[self.r.activation](x + self.r.scale * y)


def layer(one: Layer, spec: BatchNormed) -> keras.Layer:
    match one:
        case ConvSpec():
            return BasicConv2d(one, spec)
        case MeanPool():
            return Mean(one)
        case Pool():
            return MaxPooling2D(one)
        case ResidualSpec():
            return Residual(one, spec)
        case MixedSpec():
            return Mixed(one, spec)
    return keras.Sequential([layer(each, spec) for each in one])


def add(module: keras.Layer, parts: tuple[Part, ...], spec: BatchNormed) -> None:
    """As attributes."""
    for name, one in parts:
        setattr(module, name, layer(one, spec))


def follow(module: keras.Layer, parts: tuple[Part, ...], x: KerasTensor) -> KerasTensor:
    """Through its attributes one after the other."""
    for name, _ in parts:
        x = getattr(module, name)(x)
    return x


class InceptionAux(keras.Layer):
    """An auxiliary classifier (section 4)."""

    def __init__(self, h: HeadSpec, spec: BatchNormed):
        super().__init__()
        self.pool = Mean(h.pool)
        self.conv0 = BasicConv2d(h.conv0, spec)
        self.conv1 = BasicConv2d(h.conv1, spec)
        self.fc = Dense(*h.linear)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(self.conv0(self.pool(x)))  # [B, 1, 1, 768]
        return self.fc(ops.mean(x, (1, 2)))  # [B, num_classes]


class InceptionV3(SpecModel):
    def __init__(self, spec: InceptionV3Spec):
        super().__init__(spec)
        self.lower, self.upper = spec.lower, spec.upper
        add(self, spec.trunk, spec)
        for head in spec.heads:
            self.AuxLogits = InceptionAux(head, spec)
        self.dropout = Dropout(spec.dropout)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(
        self, x: KerasTensor, training: bool | None = None
    ) -> KerasTensor | tuple[KerasTensor, ...]:
        x = follow(self, self.lower, x)  # [B, 17, 17, 768]
        heads = [self.AuxLogits(x)] if training and self.spec.head else []
        x = follow(self, self.upper, x)  # [B, 8, 8, 2048]
        x = self.fc(self.dropout(ops.mean(x, (1, 2))))  # [B, num_classes]
        return (x, *heads) if heads else x


class InceptionV4(SpecModel):
    def __init__(self, spec: InceptionV4Spec):
        super().__init__(spec)
        self.features = layer(spec.features, spec)
        self.dropout = Dropout(spec.dropout)
        self.last_linear = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.mean(self.features(x), (1, 2))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(SpecModel):
    def __init__(self, spec: InceptionResNetV2Spec):
        super().__init__(spec)
        self.trunk = spec.trunk
        add(self, self.trunk, spec)
        self.dropout = Dropout(spec.dropout)
        self.classif = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.mean(follow(self, self.trunk, x), (1, 2))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

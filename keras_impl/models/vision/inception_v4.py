"""Inception v4 and Inception-ResNet v2 in Keras 3, BHWC.

Specs, names, paper: shared/specs/vision/inception_v4.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    SpecModel,
    avg_pool,
    conv,
    max_pool,
)
from keras_impl.models.vision.inception import BasicConv2d
from shared.specs.base import BatchNormed
from shared.specs.vision.inception import HALF, Chain, MixedSpec
from shared.specs.vision.inception_v4 import (
    MEAN,
    InceptionResNetV2Spec,
    InceptionV4Spec,
    ResidualSpec,
)


def chain(convs: Chain, spec: BatchNormed) -> keras.Sequential:
    return keras.Sequential([BasicConv2d(c, spec) for c in convs])


class Mean(keras.Layer):
    """A mean as a layer, for lists of layers whose published names count it."""

    def call(self, x: KerasTensor) -> KerasTensor:
        return avg_pool(x, MEAN)


class Mixed3a(keras.Layer):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.concatenate([max_pool(x, HALF), self.conv(x)], -1)


class Mixed4a(keras.Layer):
    """Two branches (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.concatenate([self.branch0(x), self.branch1(x)], -1)


class Mixed5a(keras.Layer):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.concatenate([self.conv(x), max_pool(x, HALF)], -1)


class InceptionAB(keras.Layer):
    """Three branches, and one behind a mean (figures 4 and 5)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)
        self.branch3 = keras.Sequential([Mean(), BasicConv2d(pooled, spec)])

    def call(self, x: KerasTensor) -> KerasTensor:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return ops.concatenate([one, two, three, self.branch3(x)], -1)


class InceptionC(keras.Layer):
    """Two branches fork (figure 6)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1_0 = BasicConv2d(two[0], spec)
        self.branch1_1a = BasicConv2d(two[1], spec)
        self.branch1_1b = BasicConv2d(two[2], spec)
        self.branch2_0 = BasicConv2d(three[0], spec)
        self.branch2_1 = BasicConv2d(three[1], spec)
        self.branch2_2 = BasicConv2d(three[2], spec)
        self.branch2_3a = BasicConv2d(three[3], spec)
        self.branch2_3b = BasicConv2d(three[4], spec)
        self.branch3 = keras.Sequential([Mean(), BasicConv2d(pooled, spec)])

    def call(self, x: KerasTensor) -> KerasTensor:
        one = self.branch0(x)
        two = self.branch1_0(x)
        two_a, two_b = self.branch1_1a(two), self.branch1_1b(two)
        three = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        three_a, three_b = self.branch2_3a(three), self.branch2_3b(three)
        pooled = self.branch3(x)
        return ops.concatenate([one, two_a, two_b, three_a, three_b, pooled], -1)


class ReductionA(keras.Layer):
    """It halves the map (figure 7)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.concatenate(
            [self.branch0(x), self.branch1(x), max_pool(x, HALF)], -1
        )


class ReductionB(keras.Layer):
    """It halves the map (figure 8)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.concatenate(
            [self.branch0(x), self.branch1(x), max_pool(x, HALF)], -1
        )


class Mixed7a(keras.Layer):
    """It halves the map in Inception-ResNet (figure 18)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two, three = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return ops.concatenate([one, two, three, max_pool(x, HALF)], -1)


class Block35(keras.Layer):
    """Inception-ResNet-A (figure 16)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)
        self.conv2d = conv(r.projection)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = ops.concatenate([self.branch0(x), self.branch1(x), self.branch2(x)], -1)
        return ops.relu(x + self.r.scale * self.conv2d(y))


class Block17(keras.Layer):
    """Inception-ResNet-B and C (figures 17 and 19)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__()
        (one,), two = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.conv2d = conv(r.projection)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.conv2d(ops.concatenate([self.branch0(x), self.branch1(x)], -1))
        y = x + self.r.scale * y
        return ops.relu(y) if self.r.relu else y


class InceptionV4(SpecModel):
    def __init__(self, spec: InceptionV4Spec):
        super().__init__(spec)
        self.features = keras.Sequential(
            [
                *[BasicConv2d(c, spec) for c in spec.stem],
                Mixed3a(spec.mixed_3a, spec),
                Mixed4a(spec.mixed_4a, spec),
                Mixed5a(spec.mixed_5a, spec),
                *[InceptionAB(m, spec) for m in spec.inception_a],
                ReductionA(spec.reduction_a, spec),
                *[InceptionAB(m, spec) for m in spec.inception_b],
                ReductionB(spec.reduction_b, spec),
                *[InceptionC(m, spec) for m in spec.inception_c],
            ]
        )
        self.dropout = Dropout(spec.dropout)
        self.last_linear = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.mean(self.features(x), (1, 2))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(SpecModel):
    def __init__(self, spec: InceptionResNetV2Spec):
        super().__init__(spec)
        c1, c2, c3, c4, c5 = spec.stem
        self.conv2d_1a = BasicConv2d(c1, spec)
        self.conv2d_2a = BasicConv2d(c2, spec)
        self.conv2d_2b = BasicConv2d(c3, spec)
        self.conv2d_3b = BasicConv2d(c4, spec)
        self.conv2d_4a = BasicConv2d(c5, spec)
        self.mixed_5b = InceptionAB(spec.mixed_5b, spec)
        self.repeat = keras.Sequential([Block35(r, spec) for r in spec.repeat])
        self.mixed_6a = ReductionA(spec.mixed_6a, spec)
        self.repeat_1 = keras.Sequential([Block17(r, spec) for r in spec.repeat_1])
        self.mixed_7a = Mixed7a(spec.mixed_7a, spec)
        self.repeat_2 = keras.Sequential([Block17(r, spec) for r in spec.repeat_2])
        self.block8 = Block17(spec.block8, spec)
        self.conv2d_7b = BasicConv2d(spec.conv2d_7b, spec)
        self.dropout = Dropout(spec.dropout)
        self.classif = Dense(spec.conv2d_7b.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv2d_2a(self.conv2d_1a(x))  # [B, 147, 147, 32]
        x = max_pool(self.conv2d_2b(x), HALF)  # [B, 73, 73, 64]
        x = self.conv2d_4a(self.conv2d_3b(x))  # [B, 71, 71, 192]
        x = self.mixed_5b(max_pool(x, HALF))  # [B, 35, 35, 320]
        x = self.mixed_6a(self.repeat(x))  # [B, 17, 17, 1088]
        x = self.mixed_7a(self.repeat_1(x))  # [B, 8, 8, 2080]
        x = self.block8(self.repeat_2(x))
        x = ops.mean(self.conv2d_7b(x), (1, 2))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

"""GoogLeNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/googlenet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    MaxPooling2D,
    SpecModel,
    adaptive_avg_pool,
    avg_pool,
    conv,
    flatten,
    local_response_norm,
    max_pool,
    norm,
)
from shared.specs.base import ConvSpec, Pool
from shared.specs.vision.googlenet import (
    BlockSpec,
    GoogLeNetSpec,
    HeadSpec,
    PlainGoogLeNetSpec,
)

AnySpec = GoogLeNetSpec | PlainGoogLeNetSpec


class PlainConv2d(keras.Layer):
    def __init__(self, c: ConvSpec):
        super().__init__()
        self.conv = conv(c)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.relu(self.conv(x))


class BasicConv2d(keras.Layer):
    def __init__(self, c: ConvSpec, spec: GoogLeNetSpec):
        super().__init__()
        self.conv = conv(c)
        self.bn = norm(c.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.relu(self.bn(self.conv(x)))


def unit(c: ConvSpec, spec: AnySpec) -> keras.Layer:
    if isinstance(spec, GoogLeNetSpec):
        return BasicConv2d(c, spec)
    return PlainConv2d(c)


class Inception(keras.Layer):
    """Four branches side by side (figure 2b)."""

    def __init__(self, b: BlockSpec, spec: AnySpec):
        super().__init__()
        pool, projection = b.branch4
        self.branch1 = unit(b.branch1, spec)
        self.branch2 = keras.Sequential([unit(c, spec) for c in b.branch2])
        self.branch3 = keras.Sequential([unit(c, spec) for c in b.branch3])
        self.branch4 = keras.Sequential([MaxPooling2D(pool), unit(projection, spec)])

    def call(self, x: KerasTensor) -> KerasTensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return ops.concatenate([branch(x) for branch in branches], -1)


class InceptionAux(keras.Layer):
    """An auxiliary classifier (section 5)."""

    def __init__(self, h: HeadSpec, spec: AnySpec):
        super().__init__()
        self.pool = h.pool
        self.conv = unit(h.conv, spec)
        self.fc1 = Dense(*h.linears[0])
        self.fc2 = Dense(*h.linears[1])
        self.dropout = Dropout(spec.head_dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        if isinstance(self.pool, Pool):
            x = avg_pool(x, self.pool)
        else:
            x = adaptive_avg_pool(x, self.pool)  # [B, 4, 4, 512]
        x = flatten(self.conv(x))  # [B, 2048]
        return self.fc2(self.dropout(ops.relu(self.fc1(x))))  # [B, num_classes]


class GoogLeNet(SpecModel):
    """GoogLeNet with batch norm, as torchvision builds it."""

    def __init__(self, spec: AnySpec):
        super().__init__(spec)
        self.stages = spec.stages
        c1, c2, c3 = spec.stem_convs
        self.conv1 = unit(c1, spec)
        self.conv2 = unit(c2, spec)
        self.conv3 = unit(c3, spec)
        for stage in self.stages:
            for b in stage.blocks:
                setattr(self, b.name, Inception(b, spec))
                if b.head:
                    setattr(self, b.head.name, InceptionAux(b.head, spec))
        self.dropout = Dropout(spec.dropout)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def norm(self, x: KerasTensor) -> KerasTensor:
        return x

    def call(
        self, x: KerasTensor, training: bool | None = None
    ) -> KerasTensor | tuple[KerasTensor, ...]:
        heads = []
        x = max_pool(self.conv1(x), self.spec.pool)  # [B, H/4, W/4, 64]
        x = self.conv3(self.conv2(self.norm(x)))  # [B, H/4, W/4, 192]
        x = self.norm(x)
        for stage in self.stages:
            x = max_pool(x, stage.pool)
            for b in stage.blocks:
                x = getattr(self, b.name)(x)
                if training and b.head:
                    heads.append(getattr(self, b.head.name)(x))
        x = self.dropout(ops.mean(x, (1, 2)))  # [B, 1024]
        x = self.fc(x)  # [B, num_classes]
        return (x, *heads) if heads else x


class PlainGoogLeNet(GoogLeNet):
    """GoogLeNet as it was published."""

    spec: PlainGoogLeNetSpec

    def norm(self, x: KerasTensor) -> KerasTensor:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

"""AlexNet in Keras 3, BHWC.

Specs, names, papers: shared/specs/vision/alexnet.py.
"""

import keras
from keras import KerasTensor, ops
from keras.layers import ReLU

from keras_impl.layers import (
    Dense,
    Dropout,
    MaxPooling2D,
    SpecModel,
    adaptive_avg_pool,
    conv,
    flatten,
    local_response_norm,
    max_pool,
)
from shared.specs.vision.alexnet import AlexNetSpec, TwoTowerAlexNetSpec


def features(spec: AlexNetSpec) -> list[keras.Layer]:
    found: list[keras.Layer] = []
    for c, pools in spec.stages:
        found += [conv(c), ReLU()]
        found += [MaxPooling2D(pool) for pool in pools]
    return found


def classifier(spec: AlexNetSpec) -> list[keras.Layer]:
    *hidden, last = spec.dense
    found: list[keras.Layer] = []
    for sizes in hidden:
        found += [Dropout(spec.dropout), Dense(*sizes), ReLU()]
    return [*found, Dense(*last)]


class AlexNet(SpecModel):
    """One tower."""

    def __init__(self, spec: AlexNetSpec):
        super().__init__(spec)
        self.features = features(spec)
        self.classifier = classifier(spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.features:
            x = layer(x)
        x = adaptive_avg_pool(x, self.spec.pooled)  # [B, 6, 6, 256]
        x = flatten(x)  # [B, 9216]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]


class TwoTowerAlexNet(SpecModel):
    """Figure 2."""

    def __init__(self, spec: TwoTowerAlexNetSpec):
        super().__init__(spec)
        self.conv1 = conv(spec.convs[0])
        self.conv2 = conv(spec.convs[1])
        self.conv3 = conv(spec.convs[2])
        self.conv4 = conv(spec.convs[3])
        self.conv5 = conv(spec.convs[4])
        self.fc6 = Dense(*spec.dense[0])
        self.drop6 = Dropout(spec.dropout)
        self.fc7 = Dense(*spec.dense[1])
        self.drop7 = Dropout(spec.dropout)
        self.fc8 = Dense(*spec.dense[2])

    def norm(self, x: KerasTensor) -> KerasTensor:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

    def pool(self, x: KerasTensor) -> KerasTensor:
        p = self.spec.pool
        return max_pool(x, p)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.pool(self.norm(ops.relu(self.conv1(x))))  # [B, 27, 27, 96]
        x = self.pool(self.norm(ops.relu(self.conv2(x))))  # [B, 13, 13, 256]
        x = ops.relu(self.conv3(x))  # [B, 13, 13, 384]
        x = ops.relu(self.conv4(x))
        x = self.pool(ops.relu(self.conv5(x)))  # [B, 6, 6, 256]
        x = self.drop6(ops.relu(self.fc6(flatten(x))))  # [B, 4096]
        x = self.drop7(ops.relu(self.fc7(x)))
        return self.fc8(x)  # [B, num_classes]

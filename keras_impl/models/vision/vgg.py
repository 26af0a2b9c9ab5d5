"""VGG in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/vgg.py.
"""

import keras
from keras import KerasTensor
from keras.layers import ReLU

from keras_impl.layers import (
    Dense,
    Dropout,
    MaxPooling2D,
    SpecModel,
    adaptive_avg_pool,
    conv,
    flatten,
    norm,
)
from shared.specs.vision.vgg import VGGSpec


def features(spec: VGGSpec) -> list[keras.Layer]:
    """Build the stages of table 1, one after the other."""
    found, pool = [], spec.pool
    for convs in spec.convs:
        for c in convs:
            found.append(conv(c))
            if spec.batch_norm:
                found.append(norm(c.c_out, spec))
            found.append(ReLU())
        found.append(MaxPooling2D(pool))
    return found


def classifier(spec: VGGSpec) -> list[keras.Layer]:
    found = []
    *hidden, last = spec.linears
    for c_in, c_out in hidden:
        found.extend([Dense(c_in, c_out), ReLU(), Dropout(spec.dropout)])
    found.append(Dense(*last))
    return found


class VGG(SpecModel):
    def __init__(self, spec: VGGSpec):
        super().__init__(spec)
        self.features = features(spec)
        self.classifier = classifier(spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.features:
            x = layer(x)
        x = adaptive_avg_pool(x, self.spec.pooled)  # [B, 7, 7, 512]
        x = flatten(x)  # [B, 25088]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]

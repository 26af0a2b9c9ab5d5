"""SqueezeNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/squeezenet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    MapDropout,
    MaxPooling2D,
    SpecModel,
    conv,
)
from shared.specs.vision.squeezenet import FireSpec, SqueezeNetSpec


class Fire(keras.Layer):
    """Figure 1."""

    def __init__(self, s: FireSpec):
        super().__init__()
        self.squeeze = conv(s.squeeze)
        self.expand1x1 = conv(s.expand1x1)
        self.expand3x3 = conv(s.expand3x3)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu(self.squeeze(x))  # [B, H, W, squeezed]
        parts = ops.relu(self.expand1x1(x)), ops.relu(self.expand3x3(x))
        return ops.concatenate(parts, -1)  # [B, H, W, expanded]


def features(spec: SqueezeNetSpec) -> list[keras.Layer]:
    found: list[keras.Layer] = [conv(spec.stem), Activation("relu")]
    for fires in spec.fires:
        found.append(MaxPooling2D(spec.pool))
        found += [Fire(fire) for fire in fires]
    return found


class SqueezeNet(SpecModel):
    def __init__(self, spec: SqueezeNetSpec):
        super().__init__(spec)
        self.features = keras.Sequential(features(spec))
        self.classifier = keras.Sequential(
            [
                MapDropout(spec.dropout),
                conv(spec.classes),
                Activation("relu"),
            ]
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.features(x)  # [B, H/16, W/16, 512]
        x = self.classifier(x)  # [B, H/16, W/16, num_classes]
        return ops.mean(x, (1, 2))  # [B, num_classes]

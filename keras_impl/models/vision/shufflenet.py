"""ShuffleNet V2 in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/shufflenet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Dense,
    SpecModel,
    conv,
    max_pool,
    norm,
)
from shared.specs.vision.shufflenet import ShuffleNetSpec, Step, UnitSpec


def branch(steps: tuple[Step, ...], spec: ShuffleNetSpec) -> keras.Sequential:
    found: list[keras.Layer] = []
    for c, activation in steps:
        found += [conv(c), norm(c.c_out, spec)]
        if activation:
            found.append(Activation(activation))
    return keras.Sequential(found)


class Unit(keras.Layer):
    """Splits the maps (figure 3c), or reads all of them twice, with a stride (figure
    3d)."""

    def __init__(self, s: UnitSpec, spec: ShuffleNetSpec):
        super().__init__()
        self.s = s
        if s.branch1:
            self.branch1 = branch(s.branch1, spec)
        self.branch2 = branch(s.branch2, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        if self.s.branch1:
            a, b = self.branch1(x), x  # [B, H/2, W/2, C'/2]
        else:
            a, b = ops.split(x, 2, -1)  # [B, H, W, C/2]
        y = ops.stack([a, self.branch2(b)], -1)
        return ops.reshape(y, (-1, *y.shape[1:3], 2 * y.shape[3]))  # [B, H/s, W/s, C']


def stage(units: tuple[UnitSpec, ...], spec: ShuffleNetSpec) -> keras.Sequential:
    return keras.Sequential([Unit(unit, spec) for unit in units])


class ShuffleNet(SpecModel):
    def __init__(self, spec: ShuffleNetSpec):
        super().__init__(spec)
        stage2, stage3, stage4 = spec.stages
        self.conv1 = branch(spec.stem, spec)
        self.stage2 = stage(stage2, spec)
        self.stage3 = stage(stage3, spec)
        self.stage4 = stage(stage4, spec)
        self.conv5 = branch(spec.last, spec)
        self.fc = Dense(spec.widths[-1], spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)  # [B, H/2, W/2, 24]
        x = max_pool(x, self.spec.stem_pool)  # [B, H/4, W/4, 24]
        x = self.stage2(x)  # [B, H/8, W/8, C]
        x = self.stage3(x)  # [B, H/16, W/16, 2C]
        x = self.stage4(x)  # [B, H/32, W/32, 4C]
        x = self.conv5(x)  # [B, H/32, W/32, 1024]
        return self.fc(ops.mean(x, (1, 2)))  # [B, num_classes]

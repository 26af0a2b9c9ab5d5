"""DenseNet in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/densenet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    MapDropout,
    SpecModel,
    avg_pool,
    conv,
    max_pool,
    norm,
)
from shared.specs.vision.densenet import (
    BlockSpec,
    DenseNetSpec,
    LayerSpec,
    TransitionSpec,
)


class DenseLayer(keras.Layer):
    """Makes `growth` maps of all maps before it (section 3)."""

    def __init__(self, s: LayerSpec, spec: DenseNetSpec):
        super().__init__()
        c1, c2 = s.convs
        self.norm1 = norm(c1.c_in, spec)
        self.conv1 = conv(c1)
        self.norm2 = norm(c2.c_in, spec)
        self.conv2 = conv(c2)
        self.drop = MapDropout(spec.dropout)

    def call(self, found: list[KerasTensor]) -> KerasTensor:
        x = ops.concatenate(found, -1)
        y = self.conv1(ops.relu(self.norm1(x)))  # [B, H, W, 4 * growth]
        y = self.conv2(ops.relu(self.norm2(y)))  # [B, H, W, growth]
        return self.drop(y)


class DenseBlock(keras.Layer):
    """Figure 1."""

    def __init__(self, s: BlockSpec, spec: DenseNetSpec):
        super().__init__()
        self.names = tuple(layer.name for layer in s.layers)
        for layer in s.layers:
            setattr(self, layer.name, DenseLayer(layer, spec))

    def call(self, x: KerasTensor) -> KerasTensor:
        found = [x]
        for name in self.names:
            found.append(getattr(self, name)(found))
        return ops.concatenate(found, -1)  # [B, H, W, C + depth * growth]


class Transition(keras.Layer):
    def __init__(self, s: TransitionSpec, spec: DenseNetSpec):
        super().__init__()
        self.s = s
        self.norm = norm(s.conv.c_in, spec)
        self.conv = conv(s.conv)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(ops.relu(self.norm(x)))  # [B, H, W, C/2]
        return avg_pool(x, self.s.pool)  # [B, H/2, W/2, C/2]


class Features(keras.Layer):
    def __init__(self, spec: DenseNetSpec):
        super().__init__()
        parts = spec.parts
        self.spec = spec
        self.names = tuple(part.name for part in parts)
        self.conv0 = conv(spec.stem)
        self.norm0 = norm(spec.stem.c_out, spec)
        for part in parts:
            if isinstance(part, BlockSpec):
                setattr(self, part.name, DenseBlock(part, spec))
            else:
                setattr(self, part.name, Transition(part, spec))
        self.norm5 = norm(spec.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = ops.relu(self.norm0(self.conv0(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, self.spec.stem_pool)  # [B, H/4, W/4, 64]
        for name in self.names:
            x = getattr(self, name)(x)
        return ops.relu(self.norm5(x))


class DenseNet(SpecModel):
    def __init__(self, spec: DenseNetSpec):
        super().__init__(spec)
        self.features = Features(spec)
        self.classifier = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.features(x)  # [B, H/32, W/32, C]
        return self.classifier(ops.mean(x, (1, 2)))  # [B, num_classes]

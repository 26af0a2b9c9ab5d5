"""Siamese networks in Keras 3: what the towers take, [B, features] or BHWC.

Spec, names, papers: shared/specs/vision/siamese.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel, conv, flatten, max_pool, unit
from keras_impl.models.classic.mlp import MLP
from keras_impl.models.vision.lenet import LeNet
from keras_impl.models.vision.simple_cnn import SimpleCNN
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.siamese import OneShotSpec, SiameseSpec
from shared.specs.vision.simple_cnn import SimpleCNNSpec

TOWERS = {MLPSpec: MLP, SimpleCNNSpec: SimpleCNN, LeNetSpec: LeNet}


class Siamese(SpecModel):
    """Two calls of the tower, or of triplets three (Hadsell et al. 2006, figure 1)."""

    def __init__(self, spec: SiameseSpec):
        super().__init__(spec)
        self.tower = TOWERS[type(spec.tower)](spec.tower)

    def call(self, *inputs: KerasTensor) -> tuple[KerasTensor, ...]:
        return tuple(self.placed(self.tower(x)) for x in inputs)

    def embed(self, x: KerasTensor) -> KerasTensor:
        return self.placed(self.tower(x, training=False))

    def placed(self, y: KerasTensor) -> KerasTensor:
        return unit(y) if self.spec.normed else y  # [B, width]


class OneShotTower(keras.Layer):
    def __init__(self, spec: OneShotSpec):
        super().__init__()
        self.spec = spec
        self.convs = [conv(c) for c in spec.convs]
        self.fc = Dense(spec.features, spec.hidden)

    def call(self, x: KerasTensor) -> KerasTensor:
        *pooled, last = self.convs
        for layer in pooled:
            x = max_pool(ops.relu(layer(x)), self.spec.pool)  # [B, H/2, W/2, width]
        x = flatten(ops.relu(last(x)))
        return ops.sigmoid(self.fc(x))  # [B, hidden]


class OneShot(SpecModel):
    """Is what both show alike? (Koch et al. 2015, figures 3 and 4)"""

    def __init__(self, spec: OneShotSpec):
        super().__init__(spec)
        self.tower = OneShotTower(spec)
        self.fc = Dense(spec.hidden, 1)

    def call(self, first: KerasTensor, second: KerasTensor) -> KerasTensor:
        d = self.tower(first) - self.tower(second)
        # DIFF(abs-gradient): on JAX that of ops.abs is 1 at 0.
        return self.fc(d * ops.stop_gradient(ops.sign(d)))  # [B, 1]

    def embed(self, x: KerasTensor) -> KerasTensor:
        return self.tower(x)

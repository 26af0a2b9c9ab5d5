"""Convolutions along time in Keras 3, [B, L, C].

Spec, names: shared/specs/sequence/cnn1d.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel, conv1d, max_pool1d, norm1d
from shared.specs.base import Conv1dSpec
from shared.specs.sequence.cnn1d import CNN1DSpec


class Block(keras.Layer):
    def __init__(self, c: Conv1dSpec, spec: CNN1DSpec):
        super().__init__()
        self.conv = conv1d(c)
        self.norm = norm1d(c.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.relu(self.norm(self.conv(x)))  # [B, L/s, c_out]


class CNN1D(SpecModel):
    def __init__(self, spec: CNN1DSpec):
        super().__init__(spec)
        self.stages = [[Block(c, spec) for c in stage] for stage in spec.convs]
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        for i, stage in enumerate(self.stages):
            for block in stage:
                x = block(x)
            if i < self.spec.pools:
                x = max_pool1d(x, self.spec.pool)  # [B, L/pool, width]
        return self.fc(ops.mean(x, 1))  # [B, num_classes]

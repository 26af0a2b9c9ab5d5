"""Convolutions along time in NumPy, [B, C, L].

Spec, names: shared/specs/sequence/cnn1d.py.
"""

from shared.reference.layers.activation import ReLU
from shared.reference.layers.convolution import Conv1d
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import BatchNorm
from shared.reference.layers.pooling import MaxPool1d, MeanOfMap
from shared.reference.module import Chain, Steps
from shared.specs.base import Conv1dSpec
from shared.specs.sequence.cnn1d import CNN1DSpec


class Block(Steps):
    def __init__(self, c: Conv1dSpec, spec: CNN1DSpec):
        self.conv = Conv1d(c)
        self.norm = BatchNorm(c.c_out, spec.bn_eps, spec.bn_decay)
        self.steps = Chain(self.conv, self.norm, ReLU())  # [B, c_out, L/s]


class CNN1D(Steps):
    def __init__(self, spec: CNN1DSpec):
        self.stages = [[Block(c, spec) for c in stage] for stage in spec.convs]
        self.fc = Linear(spec.c_out, spec.num_classes)
        pooled, others = self.stages[: spec.pools], self.stages[spec.pools :]
        self.steps = Chain(
            *(Chain(*stage, MaxPool1d(spec.pool)) for stage in pooled),
            *(Chain(*stage) for stage in others),  # [B, width, L/pool]
            MeanOfMap(),
            self.fc,  # [B, num_classes]
        )

"""Siamese networks in NumPy: what the towers take, [B, features] or BCHW.

Spec, names, papers: shared/specs/vision/siamese.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, ReLU, Sigmoid
from shared.reference.layers.convolution import conv
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import Unit
from shared.reference.layers.pooling import Flatten, MaxPool2d
from shared.reference.models.classic.mlp import MLP
from shared.reference.models.vision.lenet import LeNet
from shared.reference.models.vision.simple_cnn import SimpleCNN
from shared.reference.module import Chain, Each, Module
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.siamese import OneShotSpec, SiameseSpec
from shared.specs.vision.simple_cnn import SimpleCNNSpec

TOWERS = {MLPSpec: MLP, SimpleCNNSpec: SimpleCNN, LeNetSpec: LeNet}


class Siamese(Module):
    """Two calls of the tower, or of triplets three (Hadsell et al. 2006, figure 1)."""

    def __init__(self, spec: SiameseSpec):
        self.tower = TOWERS[type(spec.tower)](spec.tower)
        self.placed = Chain(self.tower, Unit() if spec.normed else Identity())
        self.each = Each(self.placed)

    def forward(self, *inputs: Array) -> tuple[Array, ...]:
        return self.each(*inputs)  # [B, width] each

    def backward(self, *gradients: Array) -> tuple[Array, ...]:
        return self.each.backward(*gradients)

    def embed(self, x: Array) -> Array:
        found: Array = self.placed(x)
        return found

    def embed_backward(self, g: Array) -> Array:
        return self.placed.backward(g)


class OneShotTower(Module):
    def __init__(self, spec: OneShotSpec):
        self.convs = [conv(c) for c in spec.convs]
        self.fc = Linear(spec.features, spec.hidden)
        *pooled, last = self.convs
        self.steps = Chain(
            *(Chain(layer, ReLU(), MaxPool2d(spec.pool)) for layer in pooled),
            last,
            ReLU(),
            Flatten(),
            self.fc,
            Sigmoid(),  # [B, hidden]
        )

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)


class OneShot(Module):
    """Is what both show alike? (Koch et al. 2015, figures 3 and 4)

    With d = h1 - h2 and y = W |d| + b: dL/dd = sign(d) W^T g, of h1; of h2 minus it.
    """

    def __init__(self, spec: OneShotSpec):
        self.tower = OneShotTower(spec)
        self.fc = Linear(spec.hidden, 1)
        self.each = Each(self.tower)

    def forward(self, first: Array, second: Array) -> Array:
        one, two = self.each(first, second)
        self.sign = np.sign(one - two)
        return self.fc(np.abs(one - two))  # [B, 1]

    def backward(self, g: Array) -> tuple[Array, ...]:
        of_d = self.sign * self.fc.backward(g)
        return self.each.backward(of_d, -of_d)

    def embed(self, x: Array) -> Array:
        found: Array = self.tower(x)
        return found

    def embed_backward(self, g: Array) -> Array:
        return self.tower.backward(g)

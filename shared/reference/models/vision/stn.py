"""Spatial transformer networks in NumPy, BCHW.

Spec, names, paper: shared/specs/vision/stn.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.convolution import conv
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import Flatten, MaxPool2d
from shared.reference.layers.sampling import SampledMaps
from shared.reference.models.vision.simple_cnn import SimpleCNN
from shared.reference.module import Chain, Module
from shared.specs.vision.stn import STNSpec


class Localisation(Module):
    """Finds two rows that give each place of the new picture its place in the old."""

    def __init__(self, spec: STNSpec):
        self.convs: Any = [conv(c) for c in spec.convs]
        self.hidden = Linear(spec.features, spec.hidden)
        self.out = Linear(spec.hidden, 6)
        pooled = (Chain(c, MaxPool2d(spec.pool), ReLU()) for c in self.convs)
        self.steps = Chain(*pooled, Flatten(), self.hidden, ReLU(), self.out)

    def forward(self, x: Array) -> Array:
        return self.steps(x).reshape(-1, 2, 3)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g.reshape(len(g), -1))


class STN(Module):
    """Figure 2, in front of a classifier. The picture's gradient is of what is read
    there and of where; theta's is that of all places, each times its (x, y, 1)."""

    def __init__(self, spec: STNSpec):
        self.points = np.array(spec.points)
        self.localisation = Localisation(spec)
        self.classifier = SimpleCNN(spec.classifier)
        self.sampled = SampledMaps()

    def forward(self, image: Array) -> Array:
        transformed, _ = self.transform(image)
        found: Array = self.classifier(transformed)
        return found

    def backward(self, g: Array) -> Array:
        g = self.classifier.backward(g)
        return self.transform_backward(g, np.zeros((len(g), 2, 3), g.dtype))

    def transform(self, image: Array) -> tuple[Array, Array]:
        """Give the picture that the classifier is shown, and theta."""
        theta = self.localisation(image)
        places = self.points.astype(theta.dtype) @ theta.mT
        return self.sampled(image, places).reshape(image.shape), theta

    def transform_backward(self, g: Array, of_theta: Array) -> Array:
        of_image, of_places = self.sampled.backward(g.reshape(*g.shape[:2], -1))
        of_theta = of_theta + of_places.mT @ self.points.astype(g.dtype)
        return of_image + self.localisation.backward(of_theta)

"""Capsule networks in NumPy: capsules [B, number, width], pictures BCHW.

Spec, names, paper: shared/specs/vision/capsule.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU, Sigmoid
from shared.reference.layers.capsules import Length, Routing, Squash
from shared.reference.layers.convolution import conv
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import Unflatten
from shared.reference.module import Chain, Module, Parameter
from shared.specs.vision.capsule import CapsuleSpec


class Decoder(Module):
    """Figure 2. The capsule of the class has all of the gradient."""

    def __init__(self, spec: CapsuleSpec):
        self.shape = (spec.num_classes, spec.capsule_width)
        self.hidden: Any = [Linear(*sizes) for sizes in spec.decoder_sizes]
        self.fc = Linear(spec.decoder[-1], spec.features)
        hidden = (Chain(layer, ReLU()) for layer in self.hidden)
        self.steps = Chain(*hidden, self.fc, Sigmoid(), Unflatten(spec.maps))

    def forward(self, capsules: Array, label: Array) -> Array:
        self.own = label[:, None, None] == np.arange(self.shape[0])[:, None]
        found: Array = self.steps((capsules * self.own).reshape(len(label), -1))
        return found

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g).reshape(-1, *self.shape) * self.own


class Capsule(Module):
    """Figure 1. Of a vote u W both factors have the other's times its gradient."""

    def __init__(self, spec: CapsuleSpec):
        self.spec = spec
        self.conv = conv(spec.conv)
        self.primary = conv(spec.primary)
        self.votes = Parameter(spec.votes)
        self.decoder = Decoder(spec)
        self.maps = Chain(self.conv, ReLU(), self.primary)
        self.squash, self.routed = Squash(), Routing(spec.routing)
        self.lengths = Length()

    def forward(self, image: Array, label: Array) -> tuple[Array, Array]:
        capsules = self.capsules(image)
        return self.lengths(capsules), self.decoder(capsules, label)

    def backward(self, of_lengths: Array, g: Array) -> tuple[Array, None]:
        of_capsules = self.lengths.backward(of_lengths) + self.decoder.backward(g)
        return self.capsules_backward(of_capsules), None

    def capsules(self, image: Array) -> Array:
        s, x = self.spec, self.maps(image)
        self.shape = x.shape
        x = x.reshape(len(x), s.kinds, s.primary_width, -1).mT
        self.lower = self.squash(x.reshape(len(x), -1, s.primary_width))
        votes = np.einsum("bip,ijpq->bijq", self.lower, self.votes.value)
        found: Array = self.routed(votes)
        return found

    def capsules_backward(self, g: Array) -> Array:
        s, g = self.spec, self.routed.backward(g)
        self.votes.add(np.einsum("bijq,bip->ijpq", g, self.lower))
        g = self.squash.backward(np.einsum("bijq,ijpq->bip", g, self.votes.value))
        g = g.reshape(len(g), s.kinds, -1, s.primary_width).mT
        return self.maps.backward(g.reshape(self.shape))

    def classify(self, image: Array) -> Array:
        found: Array = self.lengths(self.capsules(image))
        return found

    def classify_backward(self, g: Array) -> Array:
        return self.capsules_backward(self.lengths.backward(g))

    def reconstruct(self, image: Array) -> Array:
        capsules = self.capsules(image)
        found: Array = self.decoder(capsules, self.lengths(capsules).argmax(1))
        return found

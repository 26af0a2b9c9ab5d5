"""Siamese networks in JAX (Flax NNX): what the towers take, [B, features] or BHWC.

Spec, names, papers: shared/specs/vision/siamese.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, conv, flatten, max_pool, unit
from jax_impl.models.classic.mlp import MLP
from jax_impl.models.vision.lenet import LeNet
from jax_impl.models.vision.simple_cnn import SimpleCNN
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.siamese import OneShotSpec, SiameseSpec
from shared.specs.vision.simple_cnn import SimpleCNNSpec

TOWERS = {MLPSpec: MLP, SimpleCNNSpec: SimpleCNN, LeNetSpec: LeNet}


class Siamese(nnx.Module):
    """Two calls of the tower, or of triplets three (Hadsell et al. 2006, figure 1)."""

    def __init__(self, spec: SiameseSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.tower = TOWERS[type(spec.tower)](spec.tower, rngs=rngs)

    def __call__(self, *inputs: Array) -> tuple[Array, ...]:
        return tuple(self.placed(self.tower(x)) for x in inputs)

    def embed(self, x: Array) -> Array:
        return self.placed(self.tower(x))

    def placed(self, y: Array) -> Array:
        return unit(y) if self.spec.normed else y  # [B, width]


class OneShotTower(nnx.Module):
    def __init__(self, spec: OneShotSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.convs)
        self.fc = Linear(spec.features, spec.hidden, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        *pooled, last = self.convs
        for layer in pooled:
            x = max_pool(nnx.relu(layer(x)), self.spec.pool)  # [B, H/2, W/2, width]
        x = flatten(nnx.relu(last(x)))
        return nnx.sigmoid(self.fc(x))  # [B, hidden]


class OneShot(nnx.Module):
    """Is what both show alike? (Koch et al. 2015, figures 3 and 4)"""

    def __init__(self, spec: OneShotSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.tower = OneShotTower(spec, rngs=rngs)
        self.fc = Linear(spec.hidden, 1, rngs=rngs)

    def __call__(self, first: Array, second: Array) -> Array:
        d = self.tower(first) - self.tower(second)
        # DIFF(abs-gradient): that of jnp.abs is 1 at 0.
        return self.fc(d * jnp.sign(d))  # [B, 1]

    def embed(self, x: Array) -> Array:
        return self.tower(x)

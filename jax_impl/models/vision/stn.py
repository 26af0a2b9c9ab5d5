"""Spatial transformer networks in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/stn.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, conv, flatten, max_pool, sample_maps
from jax_impl.models.vision.simple_cnn import SimpleCNN
from jax_impl.precision import full
from shared.specs.vision.stn import STNSpec


class Localisation(nnx.Module):
    """Finds two rows that give each place of the new picture its place in the old."""

    def __init__(self, spec: STNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.convs)
        self.hidden = Linear(spec.features, spec.hidden, rngs=rngs)
        self.out = Linear(spec.hidden, 6, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.convs:
            x = nnx.relu(max_pool(layer(x), self.spec.pool))  # [B, H/2, W/2, width]
        x = nnx.relu(self.hidden(flatten(x)))
        return full(self.out(x)).reshape(-1, 2, 3)


class STN(nnx.Module):
    """Figure 2, in front of a classifier."""

    def __init__(self, spec: STNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.localisation = Localisation(spec, rngs=rngs)
        self.classifier = SimpleCNN(spec.classifier, rngs=rngs)

    def __call__(self, image: Array) -> Array:
        transformed, _ = self.transform(image)
        return self.classifier(transformed)  # [B, num_classes]

    def transform(self, image: Array) -> tuple[Array, Array]:
        """Give the picture that the classifier is shown, and theta."""
        theta = self.localisation(image)  # [B, 2, 3]
        points = jnp.array(self.spec.points, theta.dtype)
        places = points @ theta.mT  # [B, rows * columns, 2], equation 1
        return sample_maps(image, places).reshape(image.shape), theta

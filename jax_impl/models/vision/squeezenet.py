"""SqueezeNet in JAX (NNX), BHWC.

Spec, names, paper: shared/specs/vision/squeezenet.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    MapDropout,
    MaxPool,
    conv,
)
from shared.specs.vision.squeezenet import FireSpec, SqueezeNetSpec


class Fire(nnx.Module):
    """Figure 1."""

    def __init__(self, s: FireSpec, *, rngs: nnx.Rngs):
        self.squeeze = conv(s.squeeze, rngs=rngs)
        self.expand1x1 = conv(s.expand1x1, rngs=rngs)
        self.expand3x3 = conv(s.expand3x3, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.squeeze(x))  # [B, H, W, squeezed]
        parts = nnx.relu(self.expand1x1(x)), nnx.relu(self.expand3x3(x))
        return jnp.concatenate(parts, -1)  # [B, H, W, expanded]


def features(spec: SqueezeNetSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    found: list[nnx.Module] = [conv(spec.stem, rngs=rngs), Activation("relu")]
    for fires in spec.fires:
        found.append(MaxPool(spec.pool))
        found += [Fire(fire, rngs=rngs) for fire in fires]
    return found


class SqueezeNet(nnx.Module):
    def __init__(self, spec: SqueezeNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = nnx.Sequential(*features(spec, rngs=rngs))
        self.classifier = nnx.Sequential(
            MapDropout(spec.dropout, rngs=rngs),
            conv(spec.classes, rngs=rngs),
            Activation("relu"),
        )

    def __call__(self, x: Array) -> Array:
        x = self.features(x)  # [B, H/16, W/16, 512]
        x = self.classifier(x)  # [B, H/16, W/16, num_classes]
        return x.mean((1, 2))  # [B, num_classes]

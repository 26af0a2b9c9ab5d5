"""VGG in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/vgg.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Dropout,
    Linear,
    MaxPool,
    adaptive_avg_pool,
    conv,
    flatten,
    norm,
)
from shared.specs.vision.vgg import VGGSpec


def features(spec: VGGSpec, *, rngs: nnx.Rngs) -> nnx.List:
    """Build the stages of table 1, one after the other."""
    found, pool = nnx.List(), spec.pool
    for convs in spec.convs:
        for c in convs:
            found.append(conv(c, rngs=rngs))
            if spec.batch_norm:
                found.append(norm(c.c_out, spec, rngs=rngs))
            found.append(Activation("relu"))
        found.append(MaxPool(pool))
    return found


def classifier(spec: VGGSpec, *, rngs: nnx.Rngs) -> nnx.List:
    found = nnx.List()
    *hidden, last = spec.linears
    for c_in, c_out in hidden:
        linear = Linear(c_in, c_out, rngs=rngs)
        found.extend([linear, Activation("relu"), Dropout(spec.dropout, rngs=rngs)])
    found.append(Linear(*last, rngs=rngs))
    return found


class VGG(nnx.Module):
    def __init__(self, spec: VGGSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = features(spec, rngs=rngs)
        self.classifier = classifier(spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.features:
            x = layer(x)
        x = adaptive_avg_pool(x, self.spec.pooled)  # [B, 7, 7, 512]
        x = flatten(x)  # [B, 25088]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]

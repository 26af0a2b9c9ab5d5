"""VGG in JAX (Flax NNX), BHWC. Spec, names, paper: shared/specs/vgg.py."""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    MaxPool,
    ReLU,
    adaptive_avg_pool,
    flatten,
)
from shared.specs.base import ConvSpec
from shared.specs.vgg import VGGSpec


# DIFF(rngs): NNX has no global generator; every constructor passes one down.
def conv(c: ConvSpec, *, rngs: nnx.Rngs) -> Conv:
    return Conv(c.c_in, c.c_out, c.k, c.stride, c.padding, rngs=rngs)


def norm(channels: int, spec: VGGSpec, *, rngs: nnx.Rngs) -> BatchNorm:
    return BatchNorm(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, rngs=rngs)


def features(spec: VGGSpec, *, rngs: nnx.Rngs) -> nnx.List:
    """The stages of table 1, one after the other."""
    found, pool = nnx.List(), spec.pool
    for convs in spec.convs:
        for c in convs:
            found.append(conv(c, rngs=rngs))
            if spec.batch_norm:
                found.append(norm(c.c_out, spec, rngs=rngs))
            found.append(ReLU())
        found.append(MaxPool(pool.size, pool.stride, pool.padding))
    return found


def classifier(spec: VGGSpec, *, rngs: nnx.Rngs) -> nnx.List:
    found = nnx.List()
    *hidden, last = spec.linears
    for c_in, c_out in hidden:
        linear = Linear(c_in, c_out, rngs=rngs)
        found.extend([linear, ReLU(), Dropout(spec.dropout, rngs=rngs)])
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

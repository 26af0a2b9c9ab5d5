"""AlexNet in JAX (Flax NNX), BHWC.

Specs, names, papers: shared/specs/vision/alexnet.py.
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
    local_response_norm,
    max_pool,
)
from shared.specs.vision.alexnet import AlexNetSpec, TwoTowerAlexNetSpec


def features(spec: AlexNetSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    found: list[nnx.Module] = []
    for c, pools in spec.stages:
        found += [conv(c, rngs=rngs), Activation("relu")]
        found += [MaxPool(pool) for pool in pools]
    return found


def classifier(spec: AlexNetSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    *hidden, last = spec.dense
    found: list[nnx.Module] = []
    for sizes in hidden:
        found += [
            Dropout(spec.dropout, rngs=rngs),
            Linear(*sizes, rngs=rngs),
            Activation("relu"),
        ]
    return [*found, Linear(*last, rngs=rngs)]


class AlexNet(nnx.Module):
    """One tower."""

    def __init__(self, spec: AlexNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = nnx.List(features(spec, rngs=rngs))
        self.classifier = nnx.List(classifier(spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        for layer in self.features:
            x = layer(x)
        x = adaptive_avg_pool(x, self.spec.pooled)  # [B, 6, 6, 256]
        x = flatten(x)  # [B, 9216]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]


class TwoTowerAlexNet(nnx.Module):
    """Figure 2."""

    def __init__(self, spec: TwoTowerAlexNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.conv1 = conv(spec.convs[0], rngs=rngs)
        self.conv2 = conv(spec.convs[1], rngs=rngs)
        self.conv3 = conv(spec.convs[2], rngs=rngs)
        self.conv4 = conv(spec.convs[3], rngs=rngs)
        self.conv5 = conv(spec.convs[4], rngs=rngs)
        self.fc6 = Linear(*spec.dense[0], rngs=rngs)
        self.drop6 = Dropout(spec.dropout, rngs=rngs)
        self.fc7 = Linear(*spec.dense[1], rngs=rngs)
        self.drop7 = Dropout(spec.dropout, rngs=rngs)
        self.fc8 = Linear(*spec.dense[2], rngs=rngs)

    def norm(self, x: Array) -> Array:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

    def pool(self, x: Array) -> Array:
        p = self.spec.pool
        return max_pool(x, p)

    def __call__(self, x: Array) -> Array:
        x = self.pool(self.norm(nnx.relu(self.conv1(x))))  # [B, 27, 27, 96]
        x = self.pool(self.norm(nnx.relu(self.conv2(x))))  # [B, 13, 13, 256]
        x = nnx.relu(self.conv3(x))  # [B, 13, 13, 384]
        x = nnx.relu(self.conv4(x))
        x = self.pool(nnx.relu(self.conv5(x)))  # [B, 6, 6, 256]
        x = self.drop6(nnx.relu(self.fc6(flatten(x))))  # [B, 4096]
        x = self.drop7(nnx.relu(self.fc7(x)))
        return self.fc8(x)  # [B, num_classes]

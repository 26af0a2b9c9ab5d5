"""Inception v3, v4 and Inception-ResNet v2 in JAX (Flax NNX), BHWC.

Specs, names, papers: shared/specs/vision/inception.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    ACTIVATIONS,
    Dropout,
    Linear,
    MaxPool,
    avg_pool,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec, Pool
from shared.specs.vision.inception import (
    HeadSpec,
    InceptionResNetV2Spec,
    InceptionV3Spec,
    InceptionV4Spec,
    Layer,
    MeanPool,
    MixedSpec,
    Part,
    ResidualSpec,
)


class BasicConv2d(nnx.Module):
    def __init__(self, c: ConvSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        self.conv = conv(c, rngs=rngs)
        self.bn = norm(c.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.bn(self.conv(x)))


class Mean(nnx.Module):
    def __init__(self, p: MeanPool):
        self.p = p

    def __call__(self, x: Array) -> Array:
        return avg_pool(x, self.p)


class Mixed(nnx.Module):
    """Branches side by side."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        self.m = m
        for branch in m.branches:
            add(self, branch.parts, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        found = []
        for branch in self.m.branches:
            y = follow(self, branch.chain, x)
            found += [follow(self, (end,), y) for end in branch.ends]
        return jnp.concatenate(found, -1)


class Residual(Mixed):
    """Branches side by side, added to what they saw (section 3.2)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        super().__init__(r, spec, rngs=rngs)
        self.r = r
        self.conv2d = conv(r.projection, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.conv2d(super().__call__(x))
        return ACTIVATIONS[self.r.activation](x + self.r.scale * y)


def layer(one: Layer, spec: BatchNormed, *, rngs: nnx.Rngs) -> nnx.Module:
    match one:
        case ConvSpec():
            return BasicConv2d(one, spec, rngs=rngs)
        case MeanPool():
            return Mean(one)
        case Pool():
            return MaxPool(one)
        case ResidualSpec():
            return Residual(one, spec, rngs=rngs)
        case MixedSpec():
            return Mixed(one, spec, rngs=rngs)
    return nnx.Sequential(*(layer(each, spec, rngs=rngs) for each in one))


def add(
    module: nnx.Module, parts: tuple[Part, ...], spec: BatchNormed, *, rngs: nnx.Rngs
) -> None:
    """As attributes."""
    for name, one in parts:
        setattr(module, name, layer(one, spec, rngs=rngs))


def follow(module: nnx.Module, parts: tuple[Part, ...], x: Array) -> Array:
    """Through its attributes one after the other."""
    for name, _ in parts:
        x = getattr(module, name)(x)
    return x


class InceptionAux(nnx.Module):
    """An auxiliary classifier (section 4)."""

    def __init__(self, h: HeadSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        self.pool = Mean(h.pool)
        self.conv0 = BasicConv2d(h.conv0, spec, rngs=rngs)
        self.conv1 = BasicConv2d(h.conv1, spec, rngs=rngs)
        self.fc = Linear(*h.linear, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv1(self.conv0(self.pool(x)))  # [B, 1, 1, 768]
        return self.fc(x.mean((1, 2)))  # [B, num_classes]


class InceptionV3(nnx.Module):
    def __init__(self, spec: InceptionV3Spec, *, rngs: nnx.Rngs):
        self.spec, self.lower, self.upper = spec, spec.lower, spec.upper
        self.deterministic = False
        add(self, spec.trunk, spec, rngs=rngs)
        for head in spec.heads:
            self.AuxLogits = InceptionAux(head, spec, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array | tuple[Array, ...]:
        x = follow(self, self.lower, x)  # [B, 17, 17, 768]
        heads = [self.AuxLogits(x)] if not self.deterministic and self.spec.head else []
        x = follow(self, self.upper, x)  # [B, 8, 8, 2048]
        x = self.fc(self.dropout(x.mean((1, 2))))  # [B, num_classes]
        return (x, *heads) if heads else x


class InceptionV4(nnx.Module):
    def __init__(self, spec: InceptionV4Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = layer(spec.features, spec, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.last_linear = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.features(x).mean((1, 2))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(nnx.Module):
    def __init__(self, spec: InceptionResNetV2Spec, *, rngs: nnx.Rngs):
        self.spec, self.trunk = spec, spec.trunk
        add(self, self.trunk, spec, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.classif = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = follow(self, self.trunk, x).mean((1, 2))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

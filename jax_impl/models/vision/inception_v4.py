"""Inception v4 and Inception-ResNet v2 in JAX (Flax NNX), BHWC.

Specs, names, paper: shared/specs/vision/inception_v4.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Dropout,
    Linear,
    avg_pool,
    conv,
    max_pool,
)
from jax_impl.models.vision.inception import BasicConv2d
from shared.specs.base import BatchNormed
from shared.specs.vision.inception import HALF, Chain, MixedSpec
from shared.specs.vision.inception_v4 import (
    MEAN,
    InceptionResNetV2Spec,
    InceptionV4Spec,
    ResidualSpec,
)


def chain(convs: Chain, spec: BatchNormed, *, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(*(BasicConv2d(c, spec, rngs=rngs) for c in convs))


class Mean(nnx.Module):
    """A mean as a layer, for lists of layers whose published names count it."""

    def __call__(self, x: Array) -> Array:
        return avg_pool(x, MEAN)


class Mixed3a(nnx.Module):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([max_pool(x, HALF), self.conv(x)], -1)


class Mixed4a(nnx.Module):
    """Two branches (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        one, two = m.branches
        self.branch0 = chain(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([self.branch0(x), self.branch1(x)], -1)


class Mixed5a(nnx.Module):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate([self.conv(x), max_pool(x, HALF)], -1)


class InceptionAB(nnx.Module):
    """Three branches, and one behind a mean (figures 4 and 5)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)
        self.branch2 = chain(three, spec, rngs=rngs)
        self.branch3 = nnx.Sequential(Mean(), BasicConv2d(pooled, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return jnp.concatenate([one, two, three, self.branch3(x)], -1)


class InceptionC(nnx.Module):
    """Two branches fork (figure 6)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec, rngs=rngs)
        self.branch1_0 = BasicConv2d(two[0], spec, rngs=rngs)
        self.branch1_1a = BasicConv2d(two[1], spec, rngs=rngs)
        self.branch1_1b = BasicConv2d(two[2], spec, rngs=rngs)
        self.branch2_0 = BasicConv2d(three[0], spec, rngs=rngs)
        self.branch2_1 = BasicConv2d(three[1], spec, rngs=rngs)
        self.branch2_2 = BasicConv2d(three[2], spec, rngs=rngs)
        self.branch2_3a = BasicConv2d(three[3], spec, rngs=rngs)
        self.branch2_3b = BasicConv2d(three[4], spec, rngs=rngs)
        self.branch3 = nnx.Sequential(Mean(), BasicConv2d(pooled, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        one = self.branch0(x)
        two = self.branch1_0(x)
        two_a, two_b = self.branch1_1a(two), self.branch1_1b(two)
        three = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        three_a, three_b = self.branch2_3a(three), self.branch2_3b(three)
        pooled = self.branch3(x)
        return jnp.concatenate([one, two_a, two_b, three_a, three_b, pooled], -1)


class ReductionA(nnx.Module):
    """It halves the map (figure 7)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        (one,), two = m.branches
        self.branch0 = BasicConv2d(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate(
            [self.branch0(x), self.branch1(x), max_pool(x, HALF)], -1
        )


class ReductionB(nnx.Module):
    """It halves the map (figure 8)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        one, two = m.branches
        self.branch0 = chain(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return jnp.concatenate(
            [self.branch0(x), self.branch1(x), max_pool(x, HALF)], -1
        )


class Mixed7a(nnx.Module):
    """It halves the map in Inception-ResNet (figure 18)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        one, two, three = m.branches
        self.branch0 = chain(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)
        self.branch2 = chain(three, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return jnp.concatenate([one, two, three, max_pool(x, HALF)], -1)


class Block35(nnx.Module):
    """Inception-ResNet-A (figure 16)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        (one,), two, three = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)
        self.branch2 = chain(three, spec, rngs=rngs)
        self.conv2d = conv(r.projection, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = jnp.concatenate([self.branch0(x), self.branch1(x), self.branch2(x)], -1)
        return nnx.relu(x + self.r.scale * self.conv2d(y))


class Block17(nnx.Module):
    """Inception-ResNet-B and C (figures 17 and 19)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        (one,), two = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec, rngs=rngs)
        self.branch1 = chain(two, spec, rngs=rngs)
        self.conv2d = conv(r.projection, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.conv2d(jnp.concatenate([self.branch0(x), self.branch1(x)], -1))
        y = x + self.r.scale * y
        return nnx.relu(y) if self.r.relu else y


class InceptionV4(nnx.Module):
    def __init__(self, spec: InceptionV4Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = nnx.Sequential(
            *(BasicConv2d(c, spec, rngs=rngs) for c in spec.stem),
            Mixed3a(spec.mixed_3a, spec, rngs=rngs),
            Mixed4a(spec.mixed_4a, spec, rngs=rngs),
            Mixed5a(spec.mixed_5a, spec, rngs=rngs),
            *(InceptionAB(m, spec, rngs=rngs) for m in spec.inception_a),
            ReductionA(spec.reduction_a, spec, rngs=rngs),
            *(InceptionAB(m, spec, rngs=rngs) for m in spec.inception_b),
            ReductionB(spec.reduction_b, spec, rngs=rngs),
            *(InceptionC(m, spec, rngs=rngs) for m in spec.inception_c),
        )
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.last_linear = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.features(x).mean((1, 2))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(nnx.Module):
    def __init__(self, spec: InceptionResNetV2Spec, *, rngs: nnx.Rngs):
        c1, c2, c3, c4, c5 = spec.stem
        self.spec = spec
        self.conv2d_1a = BasicConv2d(c1, spec, rngs=rngs)
        self.conv2d_2a = BasicConv2d(c2, spec, rngs=rngs)
        self.conv2d_2b = BasicConv2d(c3, spec, rngs=rngs)
        self.conv2d_3b = BasicConv2d(c4, spec, rngs=rngs)
        self.conv2d_4a = BasicConv2d(c5, spec, rngs=rngs)
        self.mixed_5b = InceptionAB(spec.mixed_5b, spec, rngs=rngs)
        self.repeat = nnx.Sequential(
            *(Block35(r, spec, rngs=rngs) for r in spec.repeat)
        )
        self.mixed_6a = ReductionA(spec.mixed_6a, spec, rngs=rngs)
        self.repeat_1 = nnx.Sequential(
            *(Block17(r, spec, rngs=rngs) for r in spec.repeat_1)
        )
        self.mixed_7a = Mixed7a(spec.mixed_7a, spec, rngs=rngs)
        self.repeat_2 = nnx.Sequential(
            *(Block17(r, spec, rngs=rngs) for r in spec.repeat_2)
        )
        self.block8 = Block17(spec.block8, spec, rngs=rngs)
        self.conv2d_7b = BasicConv2d(spec.conv2d_7b, spec, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.classif = Linear(spec.conv2d_7b.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv2d_2a(self.conv2d_1a(x))  # [B, 147, 147, 32]
        x = max_pool(self.conv2d_2b(x), HALF)  # [B, 73, 73, 64]
        x = self.conv2d_4a(self.conv2d_3b(x))  # [B, 71, 71, 192]
        x = self.mixed_5b(max_pool(x, HALF))  # [B, 35, 35, 320]
        x = self.mixed_6a(self.repeat(x))  # [B, 17, 17, 1088]
        x = self.mixed_7a(self.repeat_1(x))  # [B, 8, 8, 2080]
        x = self.block8(self.repeat_2(x))
        x = self.conv2d_7b(x).mean((1, 2))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

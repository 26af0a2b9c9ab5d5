"""GoogLeNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/googlenet.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Dropout,
    Linear,
    MaxPool,
    adaptive_avg_pool,
    avg_pool,
    conv,
    flatten,
    local_response_norm,
    max_pool,
    norm,
)
from shared.specs.base import ConvSpec, Pool
from shared.specs.vision.googlenet import (
    BlockSpec,
    GoogLeNetSpec,
    HeadSpec,
    PlainGoogLeNetSpec,
)

AnySpec = GoogLeNetSpec | PlainGoogLeNetSpec


class PlainConv2d(nnx.Module):
    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        self.conv = conv(c, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.conv(x))


class BasicConv2d(nnx.Module):
    def __init__(self, c: ConvSpec, spec: GoogLeNetSpec, *, rngs: nnx.Rngs):
        self.conv = conv(c, rngs=rngs)
        self.bn = norm(c.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.bn(self.conv(x)))


def unit(c: ConvSpec, spec: AnySpec, *, rngs: nnx.Rngs) -> nnx.Module:
    if isinstance(spec, GoogLeNetSpec):
        return BasicConv2d(c, spec, rngs=rngs)
    return PlainConv2d(c, rngs=rngs)


class Inception(nnx.Module):
    """Four branches side by side (figure 2b)."""

    def __init__(self, b: BlockSpec, spec: AnySpec, *, rngs: nnx.Rngs):
        pool, projection = b.branch4
        self.branch1 = unit(b.branch1, spec, rngs=rngs)
        self.branch2 = nnx.Sequential(*(unit(c, spec, rngs=rngs) for c in b.branch2))
        self.branch3 = nnx.Sequential(*(unit(c, spec, rngs=rngs) for c in b.branch3))
        self.branch4 = nnx.Sequential(MaxPool(pool), unit(projection, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return jnp.concatenate([branch(x) for branch in branches], -1)


class InceptionAux(nnx.Module):
    """An auxiliary classifier (section 5)."""

    def __init__(self, h: HeadSpec, spec: AnySpec, *, rngs: nnx.Rngs):
        self.pool = h.pool
        self.conv = unit(h.conv, spec, rngs=rngs)
        self.fc1 = Linear(*h.linears[0], rngs=rngs)
        self.fc2 = Linear(*h.linears[1], rngs=rngs)
        self.dropout = Dropout(spec.head_dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        if isinstance(self.pool, Pool):
            x = avg_pool(x, self.pool)
        else:
            x = adaptive_avg_pool(x, self.pool)  # [B, 4, 4, 512]
        x = flatten(self.conv(x))  # [B, 2048]
        return self.fc2(self.dropout(nnx.relu(self.fc1(x))))  # [B, num_classes]


class GoogLeNet(nnx.Module):
    """GoogLeNet with batch norm, as torchvision builds it."""

    def __init__(self, spec: AnySpec, *, rngs: nnx.Rngs):
        self.spec, self.stages = spec, spec.stages
        self.deterministic = False
        c1, c2, c3 = spec.stem_convs
        self.conv1 = unit(c1, spec, rngs=rngs)
        self.conv2 = unit(c2, spec, rngs=rngs)
        self.conv3 = unit(c3, spec, rngs=rngs)
        for stage in self.stages:
            for b in stage.blocks:
                setattr(self, b.name, Inception(b, spec, rngs=rngs))
                if b.head:
                    setattr(self, b.head.name, InceptionAux(b.head, spec, rngs=rngs))
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def norm(self, x: Array) -> Array:
        return x

    def __call__(self, x: Array) -> Array | tuple[Array, ...]:
        heads = []
        x = max_pool(self.conv1(x), self.spec.pool)  # [B, H/4, W/4, 64]
        x = self.conv3(self.conv2(self.norm(x)))  # [B, H/4, W/4, 192]
        x = self.norm(x)
        for stage in self.stages:
            x = max_pool(x, stage.pool)
            for b in stage.blocks:
                x = getattr(self, b.name)(x)
                if not self.deterministic and b.head:
                    heads.append(getattr(self, b.head.name)(x))
        x = self.dropout(x.mean((1, 2)))  # [B, 1024]
        x = self.fc(x)  # [B, num_classes]
        return (x, *heads) if heads else x


class PlainGoogLeNet(GoogLeNet):
    """GoogLeNet as it was published."""

    spec: PlainGoogLeNetSpec

    def norm(self, x: Array) -> Array:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

"""Xception in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/xception.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Linear,
    MaxPool,
    conv,
    norm,
)
from shared.specs.vision.xception import BlockSpec, SeparableSpec, XceptionSpec


class SeparableConv2d(nnx.Module):
    """Each map by itself, then all maps at each place."""

    def __init__(self, s: SeparableSpec, *, rngs: nnx.Rngs):
        self.conv1 = conv(s.depthwise, rngs=rngs)
        self.pointwise = conv(s.pointwise, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.pointwise(self.conv1(x))


def rep(b: BlockSpec, spec: XceptionSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    """Build a block without its shortcut."""
    found: list[nnx.Module] = []
    for i, s in enumerate(b.separables):
        if i or b.relu_first:
            found.append(Activation("relu"))
        found += [
            SeparableConv2d(s, rngs=rngs),
            norm(s.pointwise.c_out, spec, rngs=rngs),
        ]
    if b.pool:
        found.append(MaxPool(b.pool))
    return found


class Block(nnx.Module):
    def __init__(self, b: BlockSpec, spec: XceptionSpec, *, rngs: nnx.Rngs):
        self.b = b
        if b.skip:
            self.skip = conv(b.skip, rngs=rngs)
            self.skipbn = norm(b.skip.c_out, spec, rngs=rngs)
        self.rep = nnx.Sequential(*rep(b, spec, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        y = self.rep(x)  # [B, H/s, W/s, width]
        if self.b.skip:
            x = self.skipbn(self.skip(x))
        return x + y


class Xception(nnx.Module):
    def __init__(self, spec: XceptionSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        c1, c2 = spec.stem_convs
        s3, s4 = spec.last_separables
        self.conv1 = conv(c1, rngs=rngs)
        self.bn1 = norm(c1.c_out, spec, rngs=rngs)
        self.conv2 = conv(c2, rngs=rngs)
        self.bn2 = norm(c2.c_out, spec, rngs=rngs)
        self.order = tuple(b.name for b in spec.blocks)
        for b in spec.blocks:
            setattr(self, b.name, Block(b, spec, rngs=rngs))
        self.conv3 = SeparableConv2d(s3, rngs=rngs)
        self.bn3 = norm(s3.pointwise.c_out, spec, rngs=rngs)
        self.conv4 = SeparableConv2d(s4, rngs=rngs)
        self.bn4 = norm(s4.pointwise.c_out, spec, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 32]
        x = nnx.relu(self.bn2(self.conv2(x)))  # [B, H/2, W/2, 64]
        for name in self.order:
            x = getattr(self, name)(x)  # at last [B, H/32, W/32, 1024]
        x = nnx.relu(self.bn3(self.conv3(x)))  # [B, H/32, W/32, 1536]
        x = nnx.relu(self.bn4(self.conv4(x)))  # [B, H/32, W/32, 2048]
        return self.fc(x.mean((1, 2)))  # [B, num_classes]

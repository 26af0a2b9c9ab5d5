"""ResNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/resnet.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Linear,
    conv,
    max_pool,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.resnet import BlockSpec, ResNetSpec


def projection(c: ConvSpec, spec: BatchNormed, *, rngs: nnx.Rngs) -> nnx.Sequential:
    """Make the 1x1 projection of the residual (eq. 2)."""
    return nnx.Sequential(conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs))


class BasicBlock(nnx.Module):
    """Two 3x3 convs and a shortcut (fig. 5, left)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        c1, c2 = b.convs
        self.conv1 = conv(c1, rngs=rngs)
        self.bn1 = norm(c1.c_out, spec, rngs=rngs)
        self.conv2 = conv(c2, rngs=rngs)
        self.bn2 = norm(c2.c_out, spec, rngs=rngs)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = nnx.relu(self.bn1(self.conv1(x)))  # [B, H/s, W/s, width]
        y = self.bn2(self.conv2(y))
        if self.b.downsample:
            x = self.downsample(x)
        return nnx.relu(x + y)


class Bottleneck(nnx.Module):
    """1x1, 3x3, 1x1 convs and a shortcut (fig. 5, right)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        c1, c2, c3 = b.convs
        self.conv1 = conv(c1, rngs=rngs)
        self.bn1 = norm(c1.c_out, spec, rngs=rngs)
        self.conv2 = conv(c2, rngs=rngs)
        self.bn2 = norm(c2.c_out, spec, rngs=rngs)
        self.conv3 = conv(c3, rngs=rngs)
        self.bn3 = norm(c3.c_out, spec, rngs=rngs)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = nnx.relu(self.bn1(self.conv1(x)))  # [B, H, W, inner]
        y = nnx.relu(self.bn2(self.conv2(y)))  # [B, H/s, W/s, inner]
        y = self.bn3(self.conv3(y))  # [B, H/s, W/s, 4 * width]
        if self.b.downsample:
            x = self.downsample(x)
        return nnx.relu(x + y)


BLOCKS: dict[str, type[nnx.Module]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(nnx.Module):
    def __init__(self, spec: ResNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        block = BLOCKS[spec.block]
        stages = [[block(b, spec, rngs=rngs) for b in stage] for stage in spec.stages]
        self.conv1 = conv(spec.stem, rngs=rngs)
        self.bn1 = norm(spec.stem.c_out, spec, rngs=rngs)
        self.layer1 = nnx.List(stages[0])
        self.layer2 = nnx.List(stages[1])
        self.layer3 = nnx.List(stages[2])
        self.layer4 = nnx.List(stages[3])
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        pool = self.spec.stem_pool
        x = nnx.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, pool)  # [B, H/4, W/4, 64]
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
        return self.fc(x.mean((1, 2)))  # [B, num_classes]

"""EfficientNet in JAX (Flax NNX), BHWC.

Spec, names, papers: shared/specs/vision/efficientnet.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Dropout,
    DropPath,
    Linear,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import SqueezeSpec
from shared.specs.vision.efficientnet import BlockSpec, EfficientNetSpec, UnitSpec


def unit(
    u: UnitSpec | SqueezeSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs
) -> nnx.Module:
    if isinstance(u, SqueezeSpec):
        return SqueezeExcitation(u, rngs=rngs)
    return nnx.Sequential(
        conv(u.conv, rngs=rngs),
        norm(u.conv.c_out, spec, rngs=rngs),
        Activation(u.activation),
    )


class Block(nnx.Module):
    """MBConv, or with one convolution for its first two Fused-MBConv (V2, fig. 2)."""

    def __init__(self, b: BlockSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs):
        self.adds = b.adds
        self.block = nnx.List(unit(u, spec, rngs=rngs) for u in b.units)
        self.stochastic_depth = DropPath(b.drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = x
        for layer in self.block:
            y = layer(y)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


class EfficientNet(nnx.Module):
    def __init__(self, spec: EfficientNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        stages = [
            nnx.List(Block(b, spec, rngs=rngs) for b in blocks)
            for blocks in spec.blocks
        ]
        self.features = nnx.List(
            [
                unit(spec.stem, spec, rngs=rngs),
                *stages,
                unit(spec.head, spec, rngs=rngs),
            ]
        )
        self.classifier = nnx.Sequential(
            Dropout(spec.dropout, rngs=rngs),
            Linear(spec.head.conv.c_out, spec.num_classes, rngs=rngs),
        )

    def __call__(self, x: Array) -> Array:
        stem, *stages, head = self.features
        x = stem(x)  # [B, H/2, W/2, 32]
        for blocks in stages:
            for block in blocks:
                x = block(x)
        x = head(x)  # [B, H/32, W/32, 1280]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

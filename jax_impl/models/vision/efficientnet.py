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
from shared.specs.vision.efficientnet import (
    EfficientNetSpec,
    FusedSpec,
    MBConvSpec,
    UnitSpec,
)


def unit(u: UnitSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(
        conv(u.conv, rngs=rngs),
        norm(u.conv.c_out, spec, rngs=rngs),
        Activation(u.activation),
    )


class MBConv(nnx.Module):
    """Made wide, filtered and weighed map by map, made narrow again (V2, fig. 2)."""

    def __init__(self, b: MBConvSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs):
        self.adds = b.adds
        layers: list[nnx.Module] = []
        if b.expand:
            layers.append(unit(b.expand, spec, rngs=rngs))
        layers.append(unit(b.depthwise, spec, rngs=rngs))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze, rngs=rngs))
        layers.append(unit(b.project, spec, rngs=rngs))
        self.block = nnx.Sequential(*layers)
        self.stochastic_depth = DropPath(b.drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


class FusedMBConv(nnx.Module):
    """An MBConv with one convolution for the first two (V2, fig. 2)."""

    def __init__(self, b: FusedSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs):
        self.adds = b.adds
        layers = [unit(b.conv, spec, rngs=rngs)]
        if b.project:
            layers.append(unit(b.project, spec, rngs=rngs))
        self.block = nnx.Sequential(*layers)
        self.stochastic_depth = DropPath(b.drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return self.stochastic_depth(y) + x if self.adds else y


def block(
    b: MBConvSpec | FusedSpec, spec: EfficientNetSpec, *, rngs: nnx.Rngs
) -> nnx.Module:
    if isinstance(b, MBConvSpec):
        return MBConv(b, spec, rngs=rngs)
    return FusedMBConv(b, spec, rngs=rngs)


class EfficientNet(nnx.Module):
    def __init__(self, spec: EfficientNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        stages = [
            nnx.List(block(b, spec, rngs=rngs) for b in blocks)
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
            for layer in blocks:
                x = layer(x)
        x = head(x)  # [B, H/32, W/32, 1280]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

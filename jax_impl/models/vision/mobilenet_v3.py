"""MobileNetV3 in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/mobilenet_v3.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Dropout,
    Linear,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.mobilenet_v3 import BlockSpec, MobileNetV3Spec


def conv_norm(
    c: ConvSpec, spec: BatchNormed, activation: str, *, rngs: nnx.Rngs
) -> nnx.Sequential:
    return nnx.Sequential(
        conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs), Activation(activation)
    )


class InvertedResidual(nnx.Module):
    """Made wide, filtered and weighed map by map, made narrow (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed, *, rngs: nnx.Rngs):
        self.shortcut = b.shortcut
        layers: list[nnx.Module] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec, b.activation, rngs=rngs))
        layers.append(conv_norm(b.depthwise, spec, b.activation, rngs=rngs))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze, rngs=rngs))
        layers.append(conv_norm(b.project, spec, "identity", rngs=rngs))
        self.block = nnx.Sequential(*layers)

    def __call__(self, x: Array) -> Array:
        y = self.block(x)  # [B, H/s, W/s, c_out]
        return x + y if self.shortcut else y


class MobileNetV3(nnx.Module):
    def __init__(self, spec: MobileNetV3Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        hidden, last = spec.dense
        self.features = nnx.Sequential(
            conv_norm(spec.stem, spec, "hard_swish", rngs=rngs),
            *[InvertedResidual(b, spec, rngs=rngs) for b in spec.blocks],
            conv_norm(spec.head, spec, "hard_swish", rngs=rngs),
        )
        self.classifier = nnx.Sequential(
            Linear(*hidden, rngs=rngs),
            Activation("hard_swish"),
            Dropout(spec.dropout, rngs=rngs),
            Linear(*last, rngs=rngs),
        )

    def __call__(self, x: Array) -> Array:
        x = self.features(x)  # [B, H/32, W/32, 960]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

"""MobileNetV2 in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/mobilenet_v2.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Dropout,
    Linear,
    conv,
    norm,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.mobilenet_v2 import BlockSpec, MobileNetV2Spec


def conv_norm(c: ConvSpec, spec: MobileNetV2Spec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(
        conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs), Activation("relu6")
    )


class InvertedResidual(nnx.Module):
    """Made wide, filtered map by map, made narrow again (fig. 4, d)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV2Spec, *, rngs: nnx.Rngs):
        self.shortcut = b.shortcut
        layers: list[nnx.Module] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec, rngs=rngs))
        layers.append(conv_norm(b.depthwise, spec, rngs=rngs))
        layers += [conv(b.project, rngs=rngs), norm(b.project.c_out, spec, rngs=rngs)]
        self.conv = nnx.Sequential(*layers)

    def __call__(self, x: Array) -> Array:
        y = self.conv(x)  # [B, H/s, W/s, c_out]
        return x + y if self.shortcut else y


class MobileNetV2(nnx.Module):
    def __init__(self, spec: MobileNetV2Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = nnx.Sequential(
            conv_norm(spec.stem, spec, rngs=rngs),
            *[InvertedResidual(b, spec, rngs=rngs) for b in spec.blocks],
            conv_norm(spec.head, spec, rngs=rngs),
        )
        self.classifier = nnx.Sequential(
            Dropout(spec.dropout, rngs=rngs),
            Linear(spec.head.c_out, spec.num_classes, rngs=rngs),
        )

    def __call__(self, x: Array) -> Array:
        x = self.features(x)  # [B, H/32, W/32, 1280]
        return self.classifier(x.mean((1, 2)))  # [B, num_classes]

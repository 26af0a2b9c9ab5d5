"""MobileNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/mobilenet.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Dropout,
    Linear,
    conv,
    norm,
)
from shared.specs.vision.mobilenet import BlockSpec, MobileNetV1Spec


class SeparableConv(nnx.Module):
    """Each map filtered by itself, then all of them mixed (fig. 3, right)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV1Spec, *, rngs: nnx.Rngs):
        self.conv_dw = conv(b.depthwise, rngs=rngs)
        self.bn1 = norm(b.depthwise.c_out, spec, rngs=rngs)
        self.conv_pw = conv(b.pointwise, rngs=rngs)
        self.bn2 = norm(b.pointwise.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu6(self.bn1(self.conv_dw(x)))  # [B, H/s, W/s, c_in]
        return nnx.relu6(self.bn2(self.conv_pw(x)))  # [B, H/s, W/s, c_out]


class MobileNetV1(nnx.Module):
    def __init__(self, spec: MobileNetV1Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.conv_stem = conv(spec.stem, rngs=rngs)
        self.bn1 = norm(spec.stem.c_out, spec, rngs=rngs)
        self.blocks = nnx.Sequential(
            *[
                nnx.Sequential(*[SeparableConv(b, spec, rngs=rngs) for b in stage])
                for stage in spec.stages
            ]
        )
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.classifier = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu6(self.bn1(self.conv_stem(x)))  # [B, H/2, W/2, 32]
        x = self.blocks(x)  # [B, H/32, W/32, 1024]
        return self.classifier(self.dropout(x.mean((1, 2))))  # [B, num_classes]

"""RegNet in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/regnet.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Linear,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.regnet import BlockSpec, RegNetSpec


def conv_norm(c: ConvSpec, spec: RegNetSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(conv(c, rngs=rngs), norm(c.c_out, spec, rngs=rngs))


class Transform(nnx.Module):
    """1x1, 3x3 in groups, squeeze and excitation, 1x1 (figure 4)."""

    def __init__(self, b: BlockSpec, spec: RegNetSpec, *, rngs: nnx.Rngs):
        a, b_, c = b.convs
        self.a = conv_norm(a, spec, rngs=rngs)
        self.b = conv_norm(b_, spec, rngs=rngs)
        self.se = (
            SqueezeExcitation(b.squeeze, rngs=rngs)
            if b.squeeze
            else Activation("identity")
        )
        self.c = conv_norm(c, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.a(x))  # [B, H, W, C']
        x = nnx.relu(self.b(x))  # [B, H/s, W/s, C']
        return self.c(self.se(x))


class Block(nnx.Module):
    def __init__(self, b: BlockSpec, spec: RegNetSpec, *, rngs: nnx.Rngs):
        self.proj = (
            conv_norm(b.proj, spec, rngs=rngs) if b.proj else Activation("identity")
        )
        self.f = Transform(b, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.f(x)  # [B, H/s, W/s, C']
        return nnx.relu(self.proj(x) + y)


class RegNet(nnx.Module):
    def __init__(self, spec: RegNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.stem = conv_norm(spec.stem, spec, rngs=rngs)
        self.trunk_output = nnx.Dict(
            {
                s.name: nnx.Dict({b.name: Block(b, spec, rngs=rngs) for b in s.blocks})
                for s in spec.stages
            }
        )
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.stem(x))  # [B, H/2, W/2, 32]
        for stage in self.trunk_output.values():
            for block in stage.values():
                x = block(x)  # at last [B, H/32, W/32, C]
        return self.fc(x.mean((1, 2)))  # [B, num_classes]

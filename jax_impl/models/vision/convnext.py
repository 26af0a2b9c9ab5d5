"""ConvNeXt in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/convnext.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import ACTIVATIONS, DropPath, LayerNorm, Linear, conv
from shared.specs.vision.convnext import BlockSpec, ConvNeXtSpec, StageSpec


class Block(nnx.Module):
    """A wide depthwise conv, then a narrow MLP turned inside out (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: ConvNeXtSpec, *, rngs: nnx.Rngs):
        self.dwconv = conv(b.depthwise, rngs=rngs)
        self.norm = LayerNorm(b.width, epsilon=spec.ln_eps, rngs=rngs)
        self.pwconv1 = Linear(b.width, b.inner, rngs=rngs)
        self.pwconv2 = Linear(b.inner, b.width, rngs=rngs)
        self.gamma = nnx.Param(jnp.zeros(b.width))
        self.drop_path = DropPath(b.drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.dwconv(x)  # [B, H, W, width]
        y = ACTIVATIONS["gelu"](self.pwconv1(self.norm(y)))  # [B, H, W, inner]
        y = self.gamma[...] * self.pwconv2(y)  # [B, H, W, width]
        return self.drop_path(y) + x


def downsampling(
    s: StageSpec, first: bool, spec: ConvNeXtSpec, *, rngs: nnx.Rngs
) -> nnx.Sequential:
    c = s.downsample
    if first:
        norm = LayerNorm(c.c_out, epsilon=spec.ln_eps, rngs=rngs)
        return nnx.Sequential(conv(c, rngs=rngs), norm)
    norm = LayerNorm(c.c_in, epsilon=spec.ln_eps, rngs=rngs)
    return nnx.Sequential(norm, conv(c, rngs=rngs))


class ConvNeXt(nnx.Module):
    def __init__(self, spec: ConvNeXtSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.downsample_layers = nnx.List(
            downsampling(s, i == 0, spec, rngs=rngs) for i, s in enumerate(spec.stages)
        )
        self.stages = nnx.List(
            nnx.Sequential(*(Block(b, spec, rngs=rngs) for b in s.blocks))
            for s in spec.stages
        )
        self.norm = LayerNorm(spec.c_out, epsilon=spec.ln_eps, rngs=rngs)
        self.head = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))  # [B, H/(4 * 2^i), W/(4 * 2^i), 96 * 2^i]
        return self.head(self.norm(x.mean((1, 2))))  # [B, num_classes]

"""Denoising diffusion in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/generative/ddpm.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Attention,
    Embed,
    Linear,
    MapDropout,
    by_ddim,
    by_ddpm,
    conv,
    doubled,
    group_norm,
    guided,
)
from shared.specs.generative.ddpm import (
    BlockSpec,
    DiffusionSpec,
    GuidedDiffusionSpec,
    LevelSpec,
)


class Time(nnx.Module):
    """A vector for each time, by which all blocks know how much noise there is."""

    def __init__(self, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.fc1 = Linear(spec.widths[0], spec.time_width, rngs=rngs)
        self.fc2 = Linear(spec.time_width, spec.time_width, rngs=rngs)

    def __call__(self, time: Array) -> Array:
        frequencies = jnp.array(self.spec.frequencies)
        angles = time[:, None] * frequencies
        x = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)  # [B, widths[0]]
        return self.fc2(nnx.silu(self.fc1(x)))  # [B, time_width]


class SelfAttention(nnx.Module):
    """Every place looks at all places."""

    def __init__(self, width: int, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.norm = group_norm(width, spec, rngs=rngs)
        self.q = Linear(width, width, rngs=rngs)
        self.k = Linear(width, width, rngs=rngs)
        self.v = Linear(width, width, rngs=rngs)
        self.attend = Attention(0.0, causal=False, rngs=rngs)
        self.out = Linear(width, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        batch, rows, columns, width = x.shape
        h = self.norm(x).reshape(batch, 1, rows * columns, width)
        h = self.out(self.attend(self.q(h), self.k(h), self.v(h)))
        return x + h.reshape(x.shape)


class Block(nnx.Module):
    def __init__(self, s: BlockSpec, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.norm1 = group_norm(s.conv1.c_in, spec, rngs=rngs)
        self.conv1 = conv(s.conv1, rngs=rngs)
        self.time = Linear(spec.time_width, s.conv1.c_out, rngs=rngs)
        self.norm2 = group_norm(s.conv2.c_in, spec, rngs=rngs)
        self.dropout = MapDropout(spec.dropout, rngs=rngs)
        self.conv2 = conv(s.conv2, rngs=rngs)
        self.shortcut = None if s.shortcut is None else conv(s.shortcut, rngs=rngs)
        self.attention = (
            SelfAttention(s.conv2.c_out, spec, rngs=rngs) if s.attention else None
        )

    def __call__(self, x: Array, time: Array) -> Array:
        h = self.conv1(nnx.silu(self.norm1(x)))  # [B, H, W, width]
        h = h + self.time(nnx.silu(time))[:, None, None]
        h = self.conv2(self.dropout(nnx.silu(self.norm2(h))))
        x = h + (x if self.shortcut is None else self.shortcut(x))
        return x if self.attention is None else self.attention(x)


class Down(nnx.Module):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.blocks = nnx.List(Block(b, spec, rngs=rngs) for b in s.blocks)
        self.resample = None if s.resample is None else conv(s.resample, rngs=rngs)

    def __call__(self, x: Array, time: Array) -> list[Array]:
        """Give what each block, and the convolution, puts out."""
        found = []
        for block in self.blocks:
            x = block(x, time)
            found.append(x)
        return found if self.resample is None else [*found, self.resample(x)]


class Up(nnx.Module):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.blocks = nnx.List(Block(b, spec, rngs=rngs) for b in s.blocks)
        self.resample = None if s.resample is None else conv(s.resample, rngs=rngs)

    def __call__(self, x: Array, time: Array, kept: list[Array]) -> Array:
        for block, beside in zip(self.blocks, reversed(kept), strict=True):
            x = block(jnp.concatenate([x, beside], -1), time)
        return x if self.resample is None else self.resample(doubled(x))


class UNet(nnx.Module):
    """Appendix B."""

    def __init__(self, spec: DiffusionSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.time = Time(spec, rngs=rngs)
        self.conv_in = conv(spec.conv_in, rngs=rngs)
        self.down = nnx.List(Down(s, spec, rngs=rngs) for s in spec.down)
        self.middle = nnx.List(Block(s, spec, rngs=rngs) for s in spec.middle)
        self.up = nnx.List(Up(s, spec, rngs=rngs) for s in spec.up)
        self.norm_out = group_norm(spec.widths[0], spec, rngs=rngs)
        self.conv_out = conv(spec.conv_out, rngs=rngs)

    def seen(self, x: Array, time: Array) -> Array:
        """Give what was mixed into x; time: its vector."""
        kept = [self.conv_in(x)]
        for level in self.down:
            kept += level(kept[-1], time)
        x = kept[-1]
        for block in self.middle:
            x = block(x, time)
        for level, s in zip(self.up, self.spec.up, strict=True):
            number = len(s.blocks)
            x, kept = level(x, time, kept[-number:]), kept[:-number]
        return self.conv_out(nnx.silu(self.norm_out(x)))


class Diffusion(UNet):
    def __call__(self, image: Array, time: Array) -> Array:
        return self.seen(image, self.time(time))

    def sample(self, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, self, noise, normals)

    def sample_ddim(self, noise: Array) -> Array:
        return by_ddim(self.spec, self, noise)


class GuidedDiffusion(UNet):
    spec: GuidedDiffusionSpec

    def __init__(self, spec: GuidedDiffusionSpec, *, rngs: nnx.Rngs):
        super().__init__(spec, rngs=rngs)
        self.label = Embed(spec.labels, spec.time_width, rngs=rngs)

    def __call__(self, image: Array, label: Array, time: Array) -> Array:
        return self.seen(image, self.time(time) + self.label(label))

    def sample(self, label: Array, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, guided(self.spec, self, label), noise, normals)

    def sample_ddim(self, label: Array, noise: Array) -> Array:
        return by_ddim(self.spec, guided(self.spec, self, label), noise)

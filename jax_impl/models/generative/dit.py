"""The diffusion Transformer in JAX (Flax NNX): pictures BHWC, inside [B, T, width].

Spec, names, paper: shared/specs/generative/dit.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Attention,
    Embed,
    Linear,
    by_ddim,
    by_ddpm,
    conv,
    guided,
    standardized,
)
from shared.specs.base import ConvSpec
from shared.specs.generative.dit import DiTSpec


def modulated(x: Array, shift: Array, scale: Array, spec: DiTSpec) -> Array:
    """Scale and shift each sample's tokens, whose norm has no weights."""
    return standardized(x, spec.ln_eps) * (1 + scale) + shift


class PatchEmbed(nnx.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        self.proj = conv(c, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.proj(x)
        return x.reshape(len(x), -1, x.shape[-1])  # [B, T, width]


class Time(nnx.Module):
    """A vector for each time."""

    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.fc1 = Linear(spec.waves, spec.width, rngs=rngs)
        self.fc2 = Linear(spec.width, spec.width, rngs=rngs)

    def __call__(self, time: Array) -> Array:
        frequencies = jnp.array(self.spec.frequencies)
        angles = time[:, None] * frequencies
        x = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], -1)  # [B, waves]
        return self.fc2(nnx.silu(self.fc1(x)))  # [B, width]


class SelfAttention(nnx.Module):
    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.qkv = Linear(spec.width, spec.qkv_width, rngs=rngs)
        self.attend = Attention(0.0, causal=False, rngs=rngs)
        self.proj = Linear(spec.width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        s = self.spec
        qkv = self.qkv(x).reshape(-1, s.tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.proj(y.reshape(x.shape))  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.fc2(nnx.gelu(self.fc1(x), approximate=True))


class Block(nnx.Module):
    """Figure 3: adaLN-Zero."""

    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.attn = SelfAttention(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.modulation = Linear(spec.width, spec.block_modulation, rngs=rngs)

    def __call__(self, x: Array, c: Array) -> Array:
        m = self.modulation(nnx.silu(c))[:, None]  # [B, 1, 6 * width]
        shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(m, 6, -1)
        x = x + gate1 * self.attn(modulated(x, shift1, scale1, self.spec))
        return x + gate2 * self.mlp(modulated(x, shift2, scale2, self.spec))


class Head(nnx.Module):
    """Makes of each token a patch of the noise and of the variance."""

    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.modulation = Linear(spec.width, spec.head_modulation, rngs=rngs)
        self.linear = Linear(spec.width, spec.said_width, rngs=rngs)

    def __call__(self, x: Array, c: Array) -> Array:
        s = self.spec
        m = self.modulation(nnx.silu(c))[:, None]
        shift, scale = jnp.split(m, 2, -1)
        x = self.linear(modulated(x, shift, scale, s))
        x = x.reshape(-1, s.side, s.side, s.patch, s.patch, s.said_channels)
        x = x.transpose(0, 1, 3, 2, 4, 5)  # [B, rows, patch, columns, patch, channels]
        return x.reshape(-1, s.image_size, s.image_size, s.said_channels)


class DiT(nnx.Module):
    def __init__(self, spec: DiTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.patch_embed = PatchEmbed(spec.patch_embed, rngs=rngs)
        self.time = Time(spec, rngs=rngs)
        self.label = Embed(spec.labels, spec.width, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.head = Head(spec, rngs=rngs)

    def __call__(self, image: Array, label: Array, time: Array) -> tuple[Array, Array]:
        x = self.patch_embed(image)
        x = x + jnp.asarray(self.spec.positions, x.dtype)
        c = self.time(time) + self.label(label)
        for block in self.blocks:
            x = block(x, c)
        noise, variance = jnp.split(self.head(x, c), 2, -1)
        return noise, variance

    def seen(self, image: Array, label: Array, time: Array) -> Array:
        noise, _ = self(image, label, time)
        return noise

    def sample(self, label: Array, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, guided(self.spec, self.seen, label), noise, normals)

    def sample_ddim(self, label: Array, noise: Array) -> Array:
        return by_ddim(self.spec, guided(self.spec, self.seen, label), noise)

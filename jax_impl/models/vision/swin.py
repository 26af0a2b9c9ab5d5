"""Swin in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/swin.py.
"""

import math

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    Attention,
    Dropout,
    DropPath,
    LayerNorm,
    Linear,
    conv,
)
from shared.specs.base import Pair
from shared.specs.vision.swin import BlockSpec, MergeSpec, SwinSpec, WindowSpec


def norm(width: int, spec: SwinSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(width, epsilon=spec.ln_eps, rngs=rngs)


def padded(x: Array, pads: Pair) -> Array:
    bottom, right = pads
    return jnp.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0))) if any(pads) else x


def windows_of(x: Array, w: WindowSpec) -> Array:
    """Cut a map into windows, after shifting it (fig. 4)."""
    x = padded(x, w.pads)  # [B, H, W, width]
    if any(w.shift):
        x = jnp.roll(x, w.back, (1, 2))
    (below, beside), width = w.grid, x.shape[-1]
    x = x.reshape(-1, below, w.side, beside, w.side, width).swapaxes(2, 3)
    return x.reshape(-1, w.count, w.tokens, width)


def map_of(x: Array, w: WindowSpec) -> Array:
    """The map that was cut."""
    (below, beside), width = w.grid, x.shape[-1]
    x = x.reshape(-1, below, beside, w.side, w.side, width).swapaxes(2, 3)
    x = x.reshape(-1, *w.padded, width)
    if any(w.shift):
        x = jnp.roll(x, w.shift, (1, 2))
    rows, columns = w.map_size
    return x[:, :rows, :columns]  # [B, H, W, width]


class WindowAttention(nnx.Module):
    """Attention inside windows; each way between two tokens has a bias (eq. 4)."""

    def __init__(self, b: BlockSpec, spec: SwinSpec, *, rngs: nnx.Rngs):
        self.b = b
        self.qkv = Linear(b.width, b.qkv_width, rngs=rngs)
        self.attend = Attention(spec.dropout, causal=False, rngs=rngs)
        self.proj = Linear(b.width, b.width, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        table = jnp.zeros((b.windows.offsets, b.heads))
        self.relative_position_bias_table = nnx.Param(table)

    def bias(self) -> Array:
        w = self.b.windows
        bias = self.relative_position_bias_table[...][w.ways].transpose(2, 0, 1)
        if not any(w.shift):
            return bias  # [heads, T, T]
        # [windows, heads, T, T]
        return jnp.where(w.neighbours[:, None], bias, -math.inf)

    def __call__(self, x: Array) -> Array:
        b, w = self.b, self.b.windows
        x = windows_of(x, w)  # [B, windows, T, width]
        qkv = self.qkv(x).reshape(-1, w.count, w.tokens, 3, b.heads, b.head_width)
        q, k, v = qkv.transpose(3, 0, 1, 4, 2, 5)  # [B, windows, heads, T, d] each
        y = self.attend(q, k, v, self.bias()).swapaxes(2, 3)
        y = self.proj(y.reshape(x.shape))  # [B, windows, T, width]
        return map_of(self.dropout(y), w)  # [B, H, W, width]


def mlp(b: BlockSpec, spec: SwinSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    return nnx.Sequential(
        Linear(b.width, b.inner, rngs=rngs),
        Activation("gelu"),
        Dropout(spec.dropout, rngs=rngs),
        Linear(b.inner, b.width, rngs=rngs),
        Dropout(spec.dropout, rngs=rngs),
    )


class Block(nnx.Module):
    """One of the two of fig. 3b."""

    def __init__(self, b: BlockSpec, spec: SwinSpec, *, rngs: nnx.Rngs):
        self.norm1 = norm(b.width, spec, rngs=rngs)
        self.attn = WindowAttention(b, spec, rngs=rngs)
        self.drop_path1 = DropPath(b.drop_path, rngs=rngs)
        self.norm2 = norm(b.width, spec, rngs=rngs)
        self.mlp = mlp(b, spec, rngs=rngs)
        self.drop_path2 = DropPath(b.drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class PatchMerging(nnx.Module):
    """Half as many rows and columns, twice as wide (section 3.1)."""

    def __init__(self, m: MergeSpec, spec: SwinSpec, *, rngs: nnx.Rngs):
        self.m = m
        self.reduction = Linear(m.c_in, m.c_out, use_bias=False, rngs=rngs)
        self.norm = norm(m.c_in, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        m, (rows, columns) = self.m, self.m.merged
        x = padded(x, m.pads).reshape(-1, rows, 2, columns, 2, m.width)
        x = x.transpose(0, 1, 3, 4, 2, 5).reshape(-1, rows, columns, m.c_in)
        return self.reduction(self.norm(x))  # [B, H/2, W/2, 2 * width]


def patches(spec: SwinSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    """Cut the image into patches; at the second place torchvision turns its maps."""
    c = spec.patches
    last = norm(c.c_out, spec, rngs=rngs)
    return nnx.Sequential(conv(c, rngs=rngs), Activation("identity"), last)


def features(spec: SwinSpec, *, rngs: nnx.Rngs) -> nnx.List:
    found = nnx.List([patches(spec, rngs=rngs)])
    for s in spec.stages:
        found.append(nnx.Sequential(*(Block(b, spec, rngs=rngs) for b in s.blocks)))
        found.extend(PatchMerging(m, spec, rngs=rngs) for m in s.merges)
    return found


class Swin(nnx.Module):
    def __init__(self, spec: SwinSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.features = features(spec, rngs=rngs)
        self.norm = norm(spec.c_out, spec, rngs=rngs)
        self.head = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        patches, *stages = self.features
        x = patches(x)  # [B, H/4, W/4, 96]
        for stage in stages:
            x = stage(x)
        return self.head(self.norm(x).mean((1, 2)))  # [B, num_classes]

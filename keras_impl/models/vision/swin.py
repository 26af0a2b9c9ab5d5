"""Swin in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/swin.py.
"""

import math

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Activation,
    Attention,
    Dense,
    Dropout,
    DropPath,
    LayerNormalization,
    SpecModel,
    conv,
)
from shared.specs.base import Pair
from shared.specs.vision.swin import BlockSpec, MergeSpec, SwinSpec, WindowSpec


def norm(width: int, spec: SwinSpec) -> LayerNormalization:
    return LayerNormalization(width, epsilon=spec.ln_eps)


def padded(x: KerasTensor, pads: Pair) -> KerasTensor:
    bottom, right = pads
    return ops.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0))) if any(pads) else x


def windows_of(x: KerasTensor, w: WindowSpec) -> KerasTensor:
    """Cut a map into windows, after shifting it (fig. 4)."""
    x = padded(x, w.pads)  # [B, H, W, width]
    if any(w.shift):
        x = ops.roll(x, w.back, (1, 2))
    (below, beside), width = w.grid, x.shape[-1]
    x = ops.reshape(x, (-1, below, w.side, beside, w.side, width))
    return ops.reshape(ops.swapaxes(x, 2, 3), (-1, w.count, w.tokens, width))


def map_of(x: KerasTensor, w: WindowSpec) -> KerasTensor:
    """The map that was cut."""
    (below, beside), width = w.grid, x.shape[-1]
    x = ops.reshape(x, (-1, below, beside, w.side, w.side, width))
    x = ops.reshape(ops.swapaxes(x, 2, 3), (-1, *w.padded, width))
    if any(w.shift):
        x = ops.roll(x, w.shift, (1, 2))
    rows, columns = w.map_size
    return x[:, :rows, :columns]  # [B, H, W, width]


class WindowAttention(keras.Layer):
    """Attention inside windows; each way between two tokens has a bias (eq. 4)."""

    def __init__(self, b: BlockSpec, spec: SwinSpec):
        super().__init__()
        self.b = b
        self.qkv = Dense(b.width, b.qkv_width)
        self.attend = Attention(spec.dropout, causal=False)
        self.proj = Dense(b.width, b.width)
        self.dropout = Dropout(spec.dropout)
        self.relative_position_bias_table = self.add_weight(
            (b.windows.offsets, b.heads), "zeros", name="relative_position_bias_table"
        )

    def bias(self) -> KerasTensor:
        w = self.b.windows
        bias = ops.take(self.relative_position_bias_table, w.ways, axis=0)
        bias = ops.transpose(bias, (2, 0, 1))
        if not any(w.shift):
            return bias  # [heads, T, T]
        # [windows, heads, T, T]
        return ops.where(w.neighbours[:, None], bias, -math.inf)

    def call(self, x: KerasTensor) -> KerasTensor:
        b, w = self.b, self.b.windows
        x = windows_of(x, w)  # [B, windows, T, width]
        split = (-1, w.count, w.tokens, 3, b.heads, b.head_width)
        qkv = ops.transpose(ops.reshape(self.qkv(x), split), (3, 0, 1, 4, 2, 5))
        q, k, v = ops.unstack(qkv, 3)  # [B, windows, heads, T, d] each
        y = ops.swapaxes(self.attend(q, k, v, self.bias()), 2, 3)
        y = ops.reshape(y, (-1, w.count, w.tokens, b.width))
        return map_of(self.dropout(self.proj(y)), w)  # [B, H, W, width]


def mlp(b: BlockSpec, spec: SwinSpec) -> keras.Sequential:
    return keras.Sequential(
        [
            Dense(b.width, b.inner),
            Activation("gelu"),
            Dropout(spec.dropout),
            Dense(b.inner, b.width),
            Dropout(spec.dropout),
        ]
    )


class Block(keras.Layer):
    """One of the two of fig. 3b."""

    def __init__(self, b: BlockSpec, spec: SwinSpec):
        super().__init__()
        self.norm1 = norm(b.width, spec)
        self.attn = WindowAttention(b, spec)
        self.drop_path1 = DropPath(b.drop_path)
        self.norm2 = norm(b.width, spec)
        self.mlp = mlp(b, spec)
        self.drop_path2 = DropPath(b.drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class PatchMerging(keras.Layer):
    """Half as many rows and columns, twice as wide (section 3.1)."""

    def __init__(self, m: MergeSpec, spec: SwinSpec):
        super().__init__()
        self.m = m
        self.reduction = Dense(m.c_in, m.c_out, use_bias=False)
        self.norm = norm(m.c_in, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        m, (rows, columns) = self.m, self.m.merged
        x = ops.reshape(padded(x, m.pads), (-1, rows, 2, columns, 2, m.width))
        x = ops.transpose(x, (0, 1, 3, 4, 2, 5))
        x = ops.reshape(x, (-1, rows, columns, m.c_in))
        return self.reduction(self.norm(x))  # [B, H/2, W/2, 2 * width]


def patches(spec: SwinSpec) -> keras.Sequential:
    """Cut the image into patches; at the second place torchvision turns its maps."""
    c = spec.patches
    return keras.Sequential([conv(c), Activation("identity"), norm(c.c_out, spec)])


def features(spec: SwinSpec) -> list[keras.Layer]:
    found = [patches(spec)]
    for s in spec.stages:
        found.append(keras.Sequential([Block(b, spec) for b in s.blocks]))
        found.extend(PatchMerging(m, spec) for m in s.merges)
    return found


class Swin(SpecModel):
    def __init__(self, spec: SwinSpec):
        super().__init__(spec)
        self.features = features(spec)
        self.norm = norm(spec.c_out, spec)
        self.head = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        patches, *stages = self.features
        x = patches(x)  # [B, H/4, W/4, 96]
        for stage in stages:
            x = stage(x)
        return self.head(ops.mean(self.norm(x), (1, 2)))  # [B, num_classes]

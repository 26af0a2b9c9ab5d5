"""Swin in PyTorch, BCHW, then BHWC.

Spec, names, paper: shared/specs/vision/swin.py.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Attention,
    Dropout,
    DropPath,
    LayerNorm2d,
    conv,
)
from shared.specs.base import Pair
from shared.specs.vision.swin import BlockSpec, MergeSpec, SwinSpec, WindowSpec


def norm(width: int, spec: SwinSpec) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=spec.ln_eps)


def padded(x: Tensor, pads: Pair) -> Tensor:
    bottom, right = pads
    return F.pad(x, (0, 0, 0, right, 0, bottom)) if any(pads) else x


def windows_of(x: Tensor, w: WindowSpec) -> Tensor:
    """Cut a map into windows, after shifting it (fig. 4)."""
    x = padded(x, w.pads)  # [B, H, W, width]
    if any(w.shift):
        x = x.roll(w.back, (1, 2))
    (below, beside), width = w.grid, x.shape[-1]
    x = x.reshape(-1, below, w.side, beside, w.side, width).transpose(2, 3)
    return x.reshape(-1, w.count, w.tokens, width)


def map_of(x: Tensor, w: WindowSpec) -> Tensor:
    """The map that was cut."""
    (below, beside), width = w.grid, x.shape[-1]
    x = x.reshape(-1, below, beside, w.side, w.side, width).transpose(2, 3)
    x = x.reshape(-1, *w.padded, width)
    if any(w.shift):
        x = x.roll(w.shift, (1, 2))
    rows, columns = w.map_size
    return x[:, :rows, :columns]  # [B, H, W, width]


class WindowAttention(nn.Module):
    """Attention inside windows; each way between two tokens has a bias (eq. 4)."""

    ways: Tensor
    neighbours: Tensor

    def __init__(self, b: BlockSpec, spec: SwinSpec):
        super().__init__()
        self.b = b
        self.qkv = nn.Linear(b.width, b.qkv_width)
        self.attend = Attention(spec.dropout, causal=False)
        self.proj = nn.Linear(b.width, b.width)
        self.dropout = Dropout(spec.dropout)
        table = torch.zeros(b.windows.offsets, b.heads)
        self.relative_position_bias_table = nn.Parameter(table)
        for name in ("ways", "neighbours"):  # known also where weights are abstract
            known = torch.tensor(getattr(b.windows, name), device="cpu")
            self.register_buffer(name, known, persistent=False)

    def bias(self) -> Tensor:
        bias = self.relative_position_bias_table[self.ways].permute(2, 0, 1)
        if not any(self.b.windows.shift):
            return bias  # [heads, T, T]
        # [windows, heads, T, T]
        return torch.where(self.neighbours[:, None], bias, -math.inf)

    def forward(self, x: Tensor) -> Tensor:
        b, w = self.b, self.b.windows
        x = windows_of(x, w)  # [B, windows, T, width]
        qkv = self.qkv(x).reshape(-1, w.count, w.tokens, 3, b.heads, b.head_width)
        q, k, v = qkv.permute(3, 0, 1, 4, 2, 5)  # [B, windows, heads, T, d] each
        y = self.attend(q, k, v, self.bias()).transpose(2, 3)
        y = self.proj(y.reshape(x.shape))  # [B, windows, T, width]
        return map_of(self.dropout(y), w)  # [B, H, W, width]


def mlp(b: BlockSpec, spec: SwinSpec) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(b.width, b.inner),
        Activation("gelu"),
        Dropout(spec.dropout),
        nn.Linear(b.inner, b.width),
        Dropout(spec.dropout),
    )


class Block(nn.Module):
    """One of the two of fig. 3b."""

    def __init__(self, b: BlockSpec, spec: SwinSpec):
        super().__init__()
        self.norm1 = norm(b.width, spec)
        self.attn = WindowAttention(b, spec)
        self.drop_path1 = DropPath(b.drop_path)
        self.norm2 = norm(b.width, spec)
        self.mlp = mlp(b, spec)
        self.drop_path2 = DropPath(b.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class PatchMerging(nn.Module):
    """Half as many rows and columns, twice as wide (section 3.1)."""

    def __init__(self, m: MergeSpec, spec: SwinSpec):
        super().__init__()
        self.m = m
        self.reduction = nn.Linear(m.c_in, m.c_out, bias=False)
        self.norm = norm(m.c_in, spec)

    def forward(self, x: Tensor) -> Tensor:
        m, (rows, columns) = self.m, self.m.merged
        x = padded(x, m.pads).reshape(-1, rows, 2, columns, 2, m.width)
        x = x.permute(0, 1, 3, 4, 2, 5).reshape(-1, rows, columns, m.c_in)
        return self.reduction(self.norm(x))  # [B, H/2, W/2, 2 * width]


def patches(spec: SwinSpec) -> nn.Sequential:
    """Cut the image into patches; at the second place torchvision turns its maps."""
    c = spec.patches
    norm = LayerNorm2d(c.c_out, eps=spec.ln_eps)
    return nn.Sequential(conv(c), Activation("identity"), norm)


def features(spec: SwinSpec) -> nn.ModuleList:
    found = nn.ModuleList([patches(spec)])
    for s in spec.stages:
        found.append(nn.Sequential(*(Block(b, spec) for b in s.blocks)))
        found.extend(PatchMerging(m, spec) for m in s.merges)
    return found


class Swin(nn.Module):
    def __init__(self, spec: SwinSpec):
        super().__init__()
        self.spec = spec
        self.features = features(spec)
        self.norm = norm(spec.c_out, spec)
        self.head = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        patches, *stages = self.features
        # DIFF(norm-axis): channels last from here on.
        x = patches(x).permute(0, 2, 3, 1)  # [B, H/4, W/4, 96]
        for stage in stages:
            x = stage(x)
        return self.head(self.norm(x).mean((1, 2)))  # [B, num_classes]

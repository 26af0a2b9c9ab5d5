"""Denoising diffusion in NumPy, BCHW.

Spec, names, paper: shared/specs/generative/ddpm.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, SiLU
from shared.reference.layers.attention import Attention
from shared.reference.layers.convolution import conv
from shared.reference.layers.denoising import by_ddim, by_ddpm, guided
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.embedding import Embedding
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import group_norm
from shared.reference.layers.scaling import Doubled
from shared.reference.module import Chain, Module, Steps
from shared.specs.generative.ddpm import (
    BlockSpec,
    DiffusionSpec,
    GuidedDiffusionSpec,
    LevelSpec,
)


class Time(Steps):
    """A vector for each time, by which all blocks know how much noise there is. A time
    is a whole number, which has no gradient."""

    def __init__(self, spec: DiffusionSpec):
        self.frequencies = np.array(spec.frequencies)
        self.fc1 = Linear(spec.widths[0], spec.time_width)
        self.fc2 = Linear(spec.time_width, spec.time_width)
        self.steps = Chain(self.fc1, SiLU(), self.fc2)

    def forward(self, time: Array) -> Array:
        angles = time[:, None] * self.frequencies
        waves = np.concatenate([np.sin(angles), np.cos(angles)], -1)
        found: Array = self.steps(waves.astype(self.fc1.weight.value.dtype))
        return found  # [B, time_width]


class SelfAttention(Module):
    """Every place looks at all places."""

    def __init__(self, width: int, spec: DiffusionSpec):
        self.norm = group_norm(width, spec)
        self.q = Linear(width, width)
        self.k = Linear(width, width)
        self.v = Linear(width, width)
        self.attend = Attention(0.0, causal=False)
        self.out = Linear(width, width)

    def forward(self, x: Array) -> Array:
        h = self.norm(x).reshape(*x.shape[:2], -1).mT[:, None]  # [B, 1, H * W, width]
        h = self.out(self.attend(self.q(h), self.k(h), self.v(h)))
        return x + h[:, 0].mT.reshape(x.shape)

    def backward(self, g: Array) -> Array:
        h = self.out.backward(g.reshape(*g.shape[:2], -1).mT[:, None])
        parts = zip((self.q, self.k, self.v), self.attend.backward(h), strict=True)
        q, k, v = (layer.backward(part) for layer, part in parts)
        h = q + k + v
        return g + self.norm.backward(h[:, 0].mT.reshape(g.shape))


class Block(Module):
    """The time's vector is added everywhere, so its gradient is a sum over places."""

    def __init__(self, s: BlockSpec, spec: DiffusionSpec):
        self.norm1 = group_norm(s.conv1.c_in, spec)
        self.conv1 = conv(s.conv1)
        self.time = Linear(spec.time_width, s.conv1.c_out)
        self.norm2 = group_norm(s.conv2.c_in, spec)
        self.dropout = Dropout(spec.dropout)
        self.conv2 = conv(s.conv2)
        self.shortcut: Any = Identity() if s.shortcut is None else conv(s.shortcut)
        self.attention: Any = (
            SelfAttention(s.conv2.c_out, spec) if s.attention else Identity()
        )
        self.before = Chain(self.norm1, SiLU(), self.conv1)
        self.heard = Chain(SiLU(), self.time)
        self.after = Chain(self.norm2, SiLU(), self.dropout, self.conv2)

    def forward(self, x: Array, time: Array) -> Array:
        h = self.before(x) + self.heard(time)[:, :, None, None]  # [B, width, H, W]
        found: Array = self.attention(self.after(h) + self.shortcut(x))
        return found

    def backward(self, g: Array) -> tuple[Array, Array]:
        g = self.attention.backward(g)
        h = self.after.backward(g)
        of_x = self.before.backward(h) + self.shortcut.backward(g)
        return of_x, self.heard.backward(h.sum((2, 3)))


class Down(Module):
    """What a block puts out goes on to the next, and up beside."""

    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        self.blocks = [Block(b, spec) for b in s.blocks]
        self.resample = None if s.resample is None else conv(s.resample)

    def forward(self, x: Array, time: Array) -> list[Array]:
        """Give what each block, and the convolution, puts out."""
        found = []
        for block in self.blocks:
            x = block(x, time)
            found.append(x)
        return found if self.resample is None else [*found, self.resample(x)]

    def backward(self, g: Array, beside: list[Array]) -> tuple[Array, Array]:
        """g: of the last that is put out, from below. beside: of all, from the way
        up."""
        given, of_time = list(beside), np.zeros(())
        g = g + given.pop()
        if self.resample is not None:
            g = self.resample.backward(g) + given.pop()
        for block in reversed(self.blocks):
            g, heard = block.backward(g)
            of_time = of_time + heard
            g = g + given.pop() if given else g
        return g, of_time


class Up(Module):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        self.blocks = [Block(b, spec) for b in s.blocks]
        self.resample = None if s.resample is None else conv(s.resample)
        self.doubled = Doubled()

    def forward(self, x: Array, time: Array, kept: list[Array]) -> Array:
        self.widths = []
        for block, beside in zip(self.blocks, reversed(kept), strict=True):
            self.widths.append(x.shape[1])
            x = block(np.concatenate([x, beside], 1), time)
        return x if self.resample is None else self.resample(self.doubled(x))

    def backward(self, g: Array) -> tuple[Array, Array, list[Array]]:
        if self.resample is not None:
            g = self.doubled.backward(self.resample.backward(g))
        of_time, kept = np.zeros(()), []
        for block, width in zip(self.blocks[::-1], self.widths[::-1], strict=True):
            both, heard = block.backward(g)
            of_time = of_time + heard
            g = both[:, :width]
            kept.append(both[:, width:])
        return g, of_time, kept


class UNet(Module):
    """Appendix B. What is kept has a gradient from below and one from beside."""

    def __init__(self, spec: DiffusionSpec):
        self.spec = spec
        self.time = Time(spec)
        self.conv_in = conv(spec.conv_in)
        self.down = [Down(s, spec) for s in spec.down]
        self.middle = [Block(s, spec) for s in spec.middle]
        self.up = [Up(s, spec) for s in spec.up]
        self.norm_out = group_norm(spec.widths[0], spec)
        self.conv_out = conv(spec.conv_out)
        self.said = Chain(self.norm_out, SiLU(), self.conv_out)

    def seen(self, x: Array, time: Array) -> Array:
        """Give what was mixed into x; time: its vector."""
        kept = [self.conv_in(x)]
        for level in self.down:
            kept += level(kept[-1], time)
        x = kept[-1]
        for block in self.middle:
            x = block(x, time)
        for up, s in zip(self.up, self.spec.up, strict=True):
            number = len(s.blocks)
            x, kept = up(x, time, kept[-number:]), kept[:-number]
        found: Array = self.said(x)
        return found

    def seen_backward(self, g: Array) -> tuple[Array, Array]:
        g, of_time = self.said.backward(g), np.zeros(())
        beside: list[Array] = []
        for up in reversed(self.up):
            g, heard, kept = up.backward(g)
            of_time = of_time + heard
            beside += kept
        for block in reversed(self.middle):
            g, heard = block.backward(g)
            of_time = of_time + heard
        for level in reversed(self.down):
            number = len(level.blocks) + (level.resample is not None)
            g, heard = level.backward(g, beside[-number:])
            of_time, beside = of_time + heard, beside[:-number]
        return self.conv_in.backward(g + beside.pop()), of_time


class Diffusion(UNet):
    def forward(self, image: Array, time: Array) -> Array:
        return self.seen(image, self.time(time))

    def backward(self, g: Array) -> tuple[Array, None]:
        of_image, of_time = self.seen_backward(g)
        self.time.backward(of_time)
        return of_image, None

    def sample(self, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, self, noise, normals)

    def sample_ddim(self, noise: Array) -> Array:
        return by_ddim(self.spec, self, noise)


class GuidedDiffusion(UNet):
    spec: GuidedDiffusionSpec

    def __init__(self, spec: GuidedDiffusionSpec):
        super().__init__(spec)
        self.label = Embedding(spec.labels, spec.time_width)

    def forward(self, image: Array, label: Array, time: Array) -> Array:
        return self.seen(image, self.time(time) + self.label(label))

    def backward(self, g: Array) -> tuple[Array, None, None]:
        of_image, of_time = self.seen_backward(g)
        self.time.backward(of_time)
        self.label.backward(of_time)
        return of_image, None, None

    def sample(self, label: Array, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, guided(self.spec, self, label), noise, normals)

    def sample_ddim(self, label: Array, noise: Array) -> Array:
        return by_ddim(self.spec, guided(self.spec, self, label), noise)

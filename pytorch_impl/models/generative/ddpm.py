"""Denoising diffusion in PyTorch, BCHW.

Spec, names, paper: shared/specs/generative/ddpm.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Attention,
    Dropout,
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


class Time(nn.Module):
    """A vector for each time, by which all blocks know how much noise there is."""

    def __init__(self, spec: DiffusionSpec):
        super().__init__()
        self.spec = spec
        self.fc1 = nn.Linear(spec.widths[0], spec.time_width)
        self.fc2 = nn.Linear(spec.time_width, spec.time_width)

    def forward(self, time: Tensor) -> Tensor:
        real = torch.get_default_dtype()
        frequencies = torch.tensor(self.spec.frequencies, dtype=real).to(time.device)
        angles = time.to(real)[:, None] * frequencies
        x = torch.cat([angles.sin(), angles.cos()], -1)  # [B, widths[0]]
        return self.fc2(F.silu(self.fc1(x)))  # [B, time_width]


class SelfAttention(nn.Module):
    """Every place looks at all places."""

    def __init__(self, width: int, spec: DiffusionSpec):
        super().__init__()
        self.norm = group_norm(width, spec)
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.attend = Attention(0.0, causal=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x).flatten(2).mT[:, None]  # [B, 1, H * W, width]
        h = self.out(self.attend(self.q(h), self.k(h), self.v(h)))
        return x + h[:, 0].mT.reshape(x.shape)


class Block(nn.Module):
    def __init__(self, s: BlockSpec, spec: DiffusionSpec):
        super().__init__()
        self.norm1 = group_norm(s.conv1.c_in, spec)
        self.conv1 = conv(s.conv1)
        self.time = nn.Linear(spec.time_width, s.conv1.c_out)
        self.norm2 = group_norm(s.conv2.c_in, spec)
        self.dropout = Dropout(spec.dropout)
        self.conv2 = conv(s.conv2)
        self.shortcut = None if s.shortcut is None else conv(s.shortcut)
        self.attention = SelfAttention(s.conv2.c_out, spec) if s.attention else None

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))  # [B, width, H, W]
        h = h + self.time(F.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        x = h + (x if self.shortcut is None else self.shortcut(x))
        return x if self.attention is None else self.attention(x)


class Down(nn.Module):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        super().__init__()
        self.blocks = nn.ModuleList(Block(b, spec) for b in s.blocks)
        self.resample = None if s.resample is None else conv(s.resample)

    def forward(self, x: Tensor, time: Tensor) -> list[Tensor]:
        """Give what each block, and the convolution, puts out."""
        found = []
        for block in self.blocks:
            x = block(x, time)
            found.append(x)
        return found if self.resample is None else [*found, self.resample(x)]


class Up(nn.Module):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        super().__init__()
        self.blocks = nn.ModuleList(Block(b, spec) for b in s.blocks)
        self.resample = None if s.resample is None else conv(s.resample)

    def forward(self, x: Tensor, time: Tensor, kept: list[Tensor]) -> Tensor:
        for block, beside in zip(self.blocks, reversed(kept), strict=True):
            x = block(torch.cat([x, beside], 1), time)
        return x if self.resample is None else self.resample(doubled(x))


class UNet(nn.Module):
    """Appendix B."""

    def __init__(self, spec: DiffusionSpec):
        super().__init__()
        self.spec = spec
        self.time = Time(spec)
        self.conv_in = conv(spec.conv_in)
        self.down = nn.ModuleList(Down(s, spec) for s in spec.down)
        self.middle = nn.ModuleList(Block(s, spec) for s in spec.middle)
        self.up = nn.ModuleList(Up(s, spec) for s in spec.up)
        self.norm_out = group_norm(spec.widths[0], spec)
        self.conv_out = conv(spec.conv_out)

    def seen(self, x: Tensor, time: Tensor) -> Tensor:
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
        return self.conv_out(F.silu(self.norm_out(x)))


class Diffusion(UNet):
    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        return self.seen(image, self.time(time))

    def sample(self, noise: Tensor, normals: Tensor) -> Tensor:
        return by_ddpm(self.spec, self, noise, normals)

    def sample_ddim(self, noise: Tensor) -> Tensor:
        return by_ddim(self.spec, self, noise)


class GuidedDiffusion(UNet):
    spec: GuidedDiffusionSpec

    def __init__(self, spec: GuidedDiffusionSpec):
        super().__init__(spec)
        self.label = nn.Embedding(spec.labels, spec.time_width)

    def forward(self, image: Tensor, label: Tensor, time: Tensor) -> Tensor:
        return self.seen(image, self.time(time) + self.label(label))

    def sample(self, label: Tensor, noise: Tensor, normals: Tensor) -> Tensor:
        return by_ddpm(self.spec, guided(self.spec, self, label), noise, normals)

    def sample_ddim(self, label: Tensor, noise: Tensor) -> Tensor:
        return by_ddim(self.spec, guided(self.spec, self, label), noise)

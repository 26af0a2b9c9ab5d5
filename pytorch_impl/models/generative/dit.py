"""The diffusion Transformer in PyTorch: pictures BCHW, inside [B, T, width].

Spec, names, paper: shared/specs/generative/dit.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Attention, by_ddim, by_ddpm, conv, guided, standardized
from shared.specs.base import ConvSpec
from shared.specs.generative.dit import DiTSpec


def modulated(x: Tensor, shift: Tensor, scale: Tensor, spec: DiTSpec) -> Tensor:
    """Scale and shift each sample's tokens, whose norm has no weights."""
    return standardized(x, spec.ln_eps) * (1 + scale) + shift


class PatchEmbed(nn.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).mT  # [B, T, width]


class Time(nn.Module):
    """A vector for each time."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.fc1 = nn.Linear(spec.waves, spec.width)
        self.fc2 = nn.Linear(spec.width, spec.width)

    def forward(self, time: Tensor) -> Tensor:
        real = torch.get_default_dtype()
        frequencies = torch.tensor(self.spec.frequencies, dtype=real).to(time.device)
        angles = time.to(real)[:, None] * frequencies
        x = torch.cat([angles.cos(), angles.sin()], -1)  # [B, waves]
        return self.fc2(F.silu(self.fc1(x)))  # [B, width]


class SelfAttention(nn.Module):
    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.qkv = nn.Linear(spec.width, spec.qkv_width)
        self.attend = Attention(0.0, causal=False)
        self.proj = nn.Linear(spec.width, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        s = self.spec
        qkv = self.qkv(x).reshape(-1, s.tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).transpose(1, 2)  # [B, T, heads, head_width]
        return self.proj(y.reshape(x.shape))  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    """Figure 3: adaLN-Zero."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.attn = SelfAttention(spec)
        self.mlp = MLP(spec)
        self.modulation = nn.Linear(spec.width, spec.block_modulation)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        m = self.modulation(F.silu(c))[:, None]  # [B, 1, 6 * width]
        shift1, scale1, gate1, shift2, scale2, gate2 = m.chunk(6, -1)
        x = x + gate1 * self.attn(modulated(x, shift1, scale1, self.spec))
        return x + gate2 * self.mlp(modulated(x, shift2, scale2, self.spec))


class Head(nn.Module):
    """Makes of each token a patch of the noise and of the variance."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.modulation = nn.Linear(spec.width, spec.head_modulation)
        self.linear = nn.Linear(spec.width, spec.said_width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        s = self.spec
        shift, scale = self.modulation(F.silu(c))[:, None].chunk(2, -1)
        x = self.linear(modulated(x, shift, scale, s))
        x = x.reshape(-1, s.side, s.side, s.patch, s.patch, s.said_channels)
        x = x.permute(0, 5, 1, 3, 2, 4)  # [B, channels, rows, patch, columns, patch]
        return x.reshape(-1, s.said_channels, s.image_size, s.image_size)


class DiT(nn.Module):
    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.patch_embed = PatchEmbed(spec.patch_embed)
        self.time = Time(spec)
        self.label = nn.Embedding(spec.labels, spec.width)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.depth))
        self.head = Head(spec)

    def forward(
        self, image: Tensor, label: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        x = self.patch_embed(image)
        x = x + torch.from_numpy(self.spec.positions).to(x)
        c = self.time(time) + self.label(label)
        for block in self.blocks:
            x = block(x, c)
        noise, variance = self.head(x, c).tensor_split(2, 1)
        return noise, variance

    def seen(self, image: Tensor, label: Tensor, time: Tensor) -> Tensor:
        noise, _ = self(image, label, time)
        return noise

    def sample(self, label: Tensor, noise: Tensor, normals: Tensor) -> Tensor:
        return by_ddpm(self.spec, guided(self.spec, self.seen, label), noise, normals)

    def sample_ddim(self, label: Tensor, noise: Tensor) -> Tensor:
        return by_ddim(self.spec, guided(self.spec, self.seen, label), noise)

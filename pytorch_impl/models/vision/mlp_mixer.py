"""MLP-Mixer in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/vision/mlp_mixer.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, DropPath, conv
from shared.specs.base import ConvSpec
from shared.specs.vision.mlp_mixer import MLPMixerSpec


def norm(spec: MLPMixerSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps)


class PatchEmbed(nn.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).mT  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, width: int, inner: int, dropout: float):
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.drop1 = Dropout(dropout)
        self.fc2 = nn.Linear(inner, width)
        self.drop2 = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop1(F.gelu(self.fc1(x)))
        return self.drop2(self.fc2(x))


class Block(nn.Module):
    def __init__(self, spec: MLPMixerSpec, drop_paths: tuple[float, float]):
        super().__init__()
        over_tokens, over_channels = drop_paths
        self.norm1 = norm(spec)
        self.mlp_tokens = MLP(spec.tokens, spec.tokens_width, spec.dropout)
        self.drop_path1 = DropPath(over_tokens)
        self.norm2 = norm(spec)
        self.mlp_channels = MLP(spec.width, spec.channels_width, spec.dropout)
        self.drop_path2 = DropPath(over_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.mlp_tokens(self.norm1(x).mT)  # [B, width, T]
        x = x + self.drop_path1(y.mT)
        return x + self.drop_path2(self.mlp_channels(self.norm2(x)))


class MLPMixer(nn.Module):
    def __init__(self, spec: MLPMixerSpec):
        super().__init__()
        self.spec = spec
        self.stem = PatchEmbed(spec.stem)
        self.blocks = nn.ModuleList(Block(spec, rates) for rates in spec.drop_paths)
        self.norm = norm(spec)
        self.head = nn.Linear(spec.width, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # [B, T, width]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))  # [B, num_classes]

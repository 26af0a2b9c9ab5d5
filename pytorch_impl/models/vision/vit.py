"""ViT and DeiT in PyTorch, [B, T, width].

Spec, names, papers: shared/specs/vision/vit.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Attention, Dropout, DropPath, conv
from shared.specs.base import ConvSpec
from shared.specs.vision.vit import ViTSpec


def norm(spec: ViTSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps)


class PatchEmbed(nn.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).mT  # [B, patches, width]


class SelfAttention(nn.Module):
    def __init__(self, spec: ViTSpec):
        super().__init__()
        self.spec = spec
        self.qkv = nn.Linear(spec.width, spec.qkv_width)
        self.attend = Attention(spec.attention_dropout, causal=False)
        self.proj = nn.Linear(spec.width, spec.width)
        self.proj_drop = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        s, tokens = self.spec, x.shape[1]
        qkv = self.qkv(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).transpose(1, 2)  # [B, T, heads, head_width]
        return self.proj_drop(self.proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, spec: ViTSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.drop1 = Dropout(spec.dropout)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)
        self.drop2 = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop1(F.gelu(self.fc1(x)))  # [B, T, mlp_width]
        return self.drop2(self.fc2(x))  # [B, T, width]


class Block(nn.Module):
    def __init__(self, spec: ViTSpec, drop_path: float):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = SelfAttention(spec)
        self.drop_path1 = DropPath(drop_path)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop_path2 = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    def __init__(self, spec: ViTSpec):
        super().__init__()
        self.spec = spec
        self.cls_token = nn.Parameter(torch.zeros(1, 1, spec.width))
        if spec.distilled:
            self.dist_token = nn.Parameter(torch.zeros(1, 1, spec.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, spec.tokens, spec.width))
        self.patch_embed = PatchEmbed(spec.patch_embed)
        self.pos_drop = Dropout(spec.dropout)
        self.blocks = nn.ModuleList(Block(spec, rate) for rate in spec.drop_paths)
        self.norm = norm(spec)
        self.head = nn.Linear(spec.width, spec.num_classes)
        if spec.distilled:
            self.head_dist = nn.Linear(spec.width, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        tokens = [self.cls_token]
        if self.spec.distilled:
            tokens.append(self.dist_token)
        first = [token.expand(len(x), -1, -1) for token in tokens]
        x = torch.cat([*first, self.patch_embed(x)], 1)  # [B, T, width]
        x = self.pos_drop(x + self.pos_embed)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, : self.spec.read])
        logits = self.head(x[:, 0])  # [B, num_classes]
        if not self.spec.distilled:
            return logits
        distilled = self.head_dist(x[:, 1])
        return (logits, distilled) if self.training else (logits + distilled) / 2

"""ConvNeXt in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/convnext.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import DropPath, LayerNorm2d, conv
from shared.specs.vision.convnext import BlockSpec, ConvNeXtSpec, StageSpec


class Block(nn.Module):
    """A wide depthwise conv, then a narrow MLP turned inside out (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: ConvNeXtSpec):
        super().__init__()
        self.dwconv = conv(b.depthwise)
        self.norm = nn.LayerNorm(b.width, eps=spec.ln_eps)
        self.pwconv1 = nn.Linear(b.width, b.inner)
        self.pwconv2 = nn.Linear(b.inner, b.width)
        self.gamma = nn.Parameter(torch.zeros(b.width))
        self.drop_path = DropPath(b.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        # DIFF(norm-axis): channels last inside the branch.
        y = self.dwconv(x).permute(0, 2, 3, 1)  # [B, H, W, width]
        y = F.gelu(self.pwconv1(self.norm(y)))  # [B, H, W, inner]
        y = self.gamma * self.pwconv2(y)  # [B, H, W, width]
        y = self.drop_path(y).add_(x.permute(0, 2, 3, 1))  # DIFF(in-place)
        return y.permute(0, 3, 1, 2)  # [B, width, H, W]


def downsampling(s: StageSpec, first: bool, spec: ConvNeXtSpec) -> nn.Sequential:
    c = s.downsample
    if first:
        return nn.Sequential(conv(c), LayerNorm2d(c.c_out, eps=spec.ln_eps))
    return nn.Sequential(LayerNorm2d(c.c_in, eps=spec.ln_eps), conv(c))


class ConvNeXt(nn.Module):
    def __init__(self, spec: ConvNeXtSpec):
        super().__init__()
        self.spec = spec
        self.downsample_layers = nn.ModuleList(
            downsampling(s, i == 0, spec) for i, s in enumerate(spec.stages)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(b, spec) for b in s.blocks)) for s in spec.stages
        )
        self.norm = nn.LayerNorm(spec.c_out, eps=spec.ln_eps)
        self.head = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))  # [B, 96 * 2^i, H/(4 * 2^i), W/(4 * 2^i)]
        return self.head(self.norm(x.mean((2, 3))))  # [B, num_classes]

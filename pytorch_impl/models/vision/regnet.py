"""RegNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/regnet.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.regnet import BlockSpec, RegNetSpec


def conv_norm(c: ConvSpec, spec: RegNetSpec) -> nn.Sequential:
    return nn.Sequential(conv(c), norm(c.c_out, spec))


class Transform(nn.Module):
    """1x1, 3x3 in groups, squeeze and excitation, 1x1 (figure 4)."""

    def __init__(self, b: BlockSpec, spec: RegNetSpec):
        super().__init__()
        a, b_, c = b.convs
        self.a = conv_norm(a, spec)
        self.b = conv_norm(b_, spec)
        self.se = SqueezeExcitation(b.squeeze) if b.squeeze else Activation("identity")
        self.c = conv_norm(c, spec)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.a(x))  # [B, C', H, W]
        x = F.relu_(self.b(x))  # [B, C', H/s, W/s]
        return self.c(self.se(x))


class Block(nn.Module):
    def __init__(self, b: BlockSpec, spec: RegNetSpec):
        super().__init__()
        self.proj = conv_norm(b.proj, spec) if b.proj else Activation("identity")
        self.f = Transform(b, spec)

    def forward(self, x: Tensor) -> Tensor:
        y = self.f(x)  # [B, C', H/s, W/s]
        return F.relu_(y.add_(self.proj(x)))


class RegNet(nn.Module):
    def __init__(self, spec: RegNetSpec):
        super().__init__()
        self.spec = spec
        self.stem = conv_norm(spec.stem, spec)
        self.trunk_output = nn.ModuleDict(
            {
                s.name: nn.ModuleDict({b.name: Block(b, spec) for b in s.blocks})
                for s in spec.stages
            }
        )
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.stem(x))  # [B, 32, H/2, W/2]
        for stage in self.trunk_output.children():
            for block in stage.children():
                x = block(x)  # at last [B, C, H/32, W/32]
        return self.fc(x.mean((2, 3)))  # [B, num_classes]

"""Xception in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/xception.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    MaxPool2d,
    conv,
    norm,
)
from shared.specs.vision.xception import BlockSpec, SeparableSpec, XceptionSpec


class SeparableConv2d(nn.Module):
    """Each map by itself, then all maps at each place."""

    def __init__(self, s: SeparableSpec):
        super().__init__()
        self.conv1 = conv(s.depthwise)
        self.pointwise = conv(s.pointwise)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.conv1(x))


def rep(b: BlockSpec, spec: XceptionSpec) -> list[nn.Module]:
    """Build a block without its shortcut."""
    found: list[nn.Module] = []
    for i, s in enumerate(b.separables):
        if i or b.relu_first:
            # DIFF(in-place): what comes in goes into the shortcut, too.
            found.append(nn.ReLU(inplace=i > 0))
        found += [SeparableConv2d(s), norm(s.pointwise.c_out, spec)]
    if b.pool:
        found.append(MaxPool2d(b.pool))
    return found


class Block(nn.Module):
    def __init__(self, b: BlockSpec, spec: XceptionSpec):
        super().__init__()
        self.b = b
        if b.skip:
            self.skip = conv(b.skip)
            self.skipbn = norm(b.skip.c_out, spec)
        self.rep = nn.Sequential(*rep(b, spec))

    def forward(self, x: Tensor) -> Tensor:
        y = self.rep(x)  # [B, width, H/s, W/s]
        if self.b.skip:
            x = self.skipbn(self.skip(x))
        return y.add_(x)


class Xception(nn.Module):
    def __init__(self, spec: XceptionSpec):
        super().__init__()
        self.spec = spec
        c1, c2 = spec.stem_convs
        s3, s4 = spec.last_separables
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.order = tuple(b.name for b in spec.blocks)
        for b in spec.blocks:
            setattr(self, b.name, Block(b, spec))
        self.conv3 = SeparableConv2d(s3)
        self.bn3 = norm(s3.pointwise.c_out, spec)
        self.conv4 = SeparableConv2d(s4)
        self.bn4 = norm(s4.pointwise.c_out, spec)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.bn1(self.conv1(x)))  # [B, 32, H/2, W/2]
        x = F.relu_(self.bn2(self.conv2(x)))  # [B, 64, H/2, W/2]
        for name in self.order:
            x = getattr(self, name)(x)  # at last [B, 1024, H/32, W/32]
        x = F.relu_(self.bn3(self.conv3(x)))  # [B, 1536, H/32, W/32]
        x = F.relu_(self.bn4(self.conv4(x)))  # [B, 2048, H/32, W/32]
        return self.fc(x.mean((2, 3)))  # [B, num_classes]

"""ResNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/resnet.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    conv,
    max_pool,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.resnet import BlockSpec, ResNetSpec


def projection(c: ConvSpec, spec: BatchNormed) -> nn.Sequential:
    """Make the 1x1 projection of the residual (eq. 2)."""
    return nn.Sequential(conv(c), norm(c.c_out, spec))


class BasicBlock(nn.Module):
    """Two 3x3 convs and a shortcut (fig. 5, left)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        c1, c2 = b.convs
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu_(self.bn1(self.conv1(x)))  # [B, width, H/s, W/s]
        y = self.bn2(self.conv2(y))
        if self.b.downsample:
            x = self.downsample(x)
        return F.relu_(y.add_(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convs and a shortcut (fig. 5, right)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        c1, c2, c3 = b.convs
        self.conv1 = conv(c1)
        self.bn1 = norm(c1.c_out, spec)
        self.conv2 = conv(c2)
        self.bn2 = norm(c2.c_out, spec)
        self.conv3 = conv(c3)
        self.bn3 = norm(c3.c_out, spec)
        self.b = b
        if b.downsample:
            self.downsample = projection(b.downsample, spec)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu_(self.bn1(self.conv1(x)))  # [B, inner, H, W]
        y = F.relu_(self.bn2(self.conv2(y)))  # [B, inner, H/s, W/s]
        y = self.bn3(self.conv3(y))  # [B, 4 * width, H/s, W/s]
        if self.b.downsample:
            x = self.downsample(x)
        return F.relu_(y.add_(x))


BLOCKS: dict[str, type[nn.Module]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(nn.Module):
    def __init__(self, spec: ResNetSpec):
        super().__init__()
        self.spec = spec
        block = BLOCKS[spec.block]
        stages = [[block(b, spec) for b in stage] for stage in spec.stages]
        self.conv1 = conv(spec.stem)
        self.bn1 = norm(spec.stem.c_out, spec)
        self.layer1 = nn.ModuleList(stages[0])
        self.layer2 = nn.ModuleList(stages[1])
        self.layer3 = nn.ModuleList(stages[2])
        self.layer4 = nn.ModuleList(stages[3])
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        pool = self.spec.stem_pool
        # DIFF(in-place): what nobody reads again is written over.
        x = F.relu_(self.bn1(self.conv1(x)))  # [B, 64, H/2, W/2]
        x = max_pool(x, pool)  # [B, 64, H/4, W/4]
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
        return self.fc(x.mean((2, 3)))  # [B, num_classes]

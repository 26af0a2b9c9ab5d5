"""GoogLeNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/googlenet.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    MaxPool2d,
    avg_pool,
    conv,
    local_response_norm,
    max_pool,
    norm,
)
from shared.specs.base import ConvSpec, Pool
from shared.specs.vision.googlenet import (
    BlockSpec,
    GoogLeNetSpec,
    HeadSpec,
    PlainGoogLeNetSpec,
)

AnySpec = GoogLeNetSpec | PlainGoogLeNetSpec


class PlainConv2d(nn.Module):
    def __init__(self, c: ConvSpec):
        super().__init__()
        self.conv = conv(c)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.conv(x))


class BasicConv2d(nn.Module):
    def __init__(self, c: ConvSpec, spec: GoogLeNetSpec):
        super().__init__()
        self.conv = conv(c)
        self.bn = norm(c.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn(self.conv(x)))


def unit(c: ConvSpec, spec: AnySpec) -> nn.Module:
    if isinstance(spec, GoogLeNetSpec):
        return BasicConv2d(c, spec)
    return PlainConv2d(c)


class Inception(nn.Module):
    """Four branches side by side (figure 2b)."""

    def __init__(self, b: BlockSpec, spec: AnySpec):
        super().__init__()
        pool, projection = b.branch4
        self.branch1 = unit(b.branch1, spec)
        self.branch2 = nn.Sequential(*(unit(c, spec) for c in b.branch2))
        self.branch3 = nn.Sequential(*(unit(c, spec) for c in b.branch3))
        self.branch4 = nn.Sequential(MaxPool2d(pool), unit(projection, spec))

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier (section 5)."""

    def __init__(self, h: HeadSpec, spec: AnySpec):
        super().__init__()
        self.pool = h.pool
        self.conv = unit(h.conv, spec)
        self.fc1 = nn.Linear(*h.linears[0])
        self.fc2 = nn.Linear(*h.linears[1])
        self.dropout = Dropout(spec.head_dropout)

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.pool, Pool):
            x = avg_pool(x, self.pool)
        else:
            x = F.adaptive_avg_pool2d(x, self.pool)  # [B, 512, 4, 4]
        x = self.conv(x).flatten(1)  # [B, 2048]
        return self.fc2(self.dropout(F.relu_(self.fc1(x))))  # [B, num_classes]


class GoogLeNet(nn.Module):
    """GoogLeNet with batch norm, as torchvision builds it."""

    def __init__(self, spec: AnySpec):
        super().__init__()
        self.spec, self.stages = spec, spec.stages
        c1, c2, c3 = spec.stem_convs
        self.conv1 = unit(c1, spec)
        self.conv2 = unit(c2, spec)
        self.conv3 = unit(c3, spec)
        for stage in self.stages:
            for b in stage.blocks:
                setattr(self, b.name, Inception(b, spec))
                if b.head:
                    setattr(self, b.head.name, InceptionAux(b.head, spec))
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def norm(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        heads = []
        x = max_pool(self.conv1(x), self.spec.pool)  # [B, 64, H/4, W/4]
        x = self.conv3(self.conv2(self.norm(x)))  # [B, 192, H/4, W/4]
        x = self.norm(x)
        for stage in self.stages:
            x = max_pool(x, stage.pool)
            for b in stage.blocks:
                x = getattr(self, b.name)(x)
                if self.training and b.head:
                    heads.append(getattr(self, b.head.name)(x))
        x = self.dropout(x.mean((2, 3)))  # [B, 1024]
        x = self.fc(x)  # [B, num_classes]
        return (x, *heads) if heads else x


class PlainGoogLeNet(GoogLeNet):
    """GoogLeNet as it was published."""

    spec: PlainGoogLeNetSpec

    def norm(self, x: Tensor) -> Tensor:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

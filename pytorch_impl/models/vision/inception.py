"""Inception v3, v4 and Inception-ResNet v2 in PyTorch, BCHW.

Specs, names, papers: shared/specs/vision/inception.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    ACTIVATIONS,
    Dropout,
    MaxPool2d,
    avg_pool,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec, Pool
from shared.specs.vision.inception import (
    HeadSpec,
    InceptionResNetV2Spec,
    InceptionV3Spec,
    InceptionV4Spec,
    Layer,
    MeanPool,
    MixedSpec,
    Part,
    ResidualSpec,
)


class BasicConv2d(nn.Module):
    def __init__(self, c: ConvSpec, spec: BatchNormed):
        super().__init__()
        self.conv = conv(c)
        self.bn = norm(c.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn(self.conv(x)))


class Mean(nn.Module):
    def __init__(self, p: MeanPool):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool(x, self.p)


class Mixed(nn.Module):
    """Branches side by side."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        self.m = m
        for branch in m.branches:
            add(self, branch.parts, spec)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for branch in self.m.branches:
            y = follow(self, branch.chain, x)
            found += [follow(self, (end,), y) for end in branch.ends]
        return torch.cat(found, 1)


class Residual(Mixed):
    """Branches side by side, added to what they saw (section 3.2)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__(r, spec)
        self.r = r
        self.conv2d = conv(r.projection)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2d(super().forward(x))
        return ACTIVATIONS[self.r.activation](torch.add(x, y, alpha=self.r.scale))


def layer(one: Layer, spec: BatchNormed) -> nn.Module:
    match one:
        case ConvSpec():
            return BasicConv2d(one, spec)
        case MeanPool():
            return Mean(one)
        case Pool():
            return MaxPool2d(one)
        case ResidualSpec():
            return Residual(one, spec)
        case MixedSpec():
            return Mixed(one, spec)
    return nn.Sequential(*(layer(each, spec) for each in one))


def add(module: nn.Module, parts: tuple[Part, ...], spec: BatchNormed) -> None:
    """As attributes."""
    for name, one in parts:
        setattr(module, name, layer(one, spec))


def follow(module: nn.Module, parts: tuple[Part, ...], x: Tensor) -> Tensor:
    """Through its attributes one after the other."""
    for name, _ in parts:
        x = getattr(module, name)(x)
    return x


class InceptionAux(nn.Module):
    """An auxiliary classifier (section 4)."""

    def __init__(self, h: HeadSpec, spec: BatchNormed):
        super().__init__()
        self.pool = Mean(h.pool)
        self.conv0 = BasicConv2d(h.conv0, spec)
        self.conv1 = BasicConv2d(h.conv1, spec)
        self.fc = nn.Linear(*h.linear)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(self.conv0(self.pool(x)))  # [B, 768, 1, 1]
        return self.fc(x.mean((2, 3)))  # [B, num_classes]


class InceptionV3(nn.Module):
    def __init__(self, spec: InceptionV3Spec):
        super().__init__()
        self.spec, self.lower, self.upper = spec, spec.lower, spec.upper
        add(self, spec.trunk, spec)
        for head in spec.heads:
            self.AuxLogits = InceptionAux(head, spec)
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = follow(self, self.lower, x)  # [B, 768, 17, 17]
        heads = [self.AuxLogits(x)] if self.training and self.spec.head else []
        x = follow(self, self.upper, x)  # [B, 2048, 8, 8]
        x = self.fc(self.dropout(x.mean((2, 3))))  # [B, num_classes]
        return (x, *heads) if heads else x


class InceptionV4(nn.Module):
    def __init__(self, spec: InceptionV4Spec):
        super().__init__()
        self.spec = spec
        self.features = layer(spec.features, spec)
        self.dropout = Dropout(spec.dropout)
        self.last_linear = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x).mean((2, 3))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(nn.Module):
    def __init__(self, spec: InceptionResNetV2Spec):
        super().__init__()
        self.spec, self.trunk = spec, spec.trunk
        add(self, self.trunk, spec)
        self.dropout = Dropout(spec.dropout)
        self.classif = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = follow(self, self.trunk, x).mean((2, 3))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

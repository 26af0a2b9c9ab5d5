"""Inception v3 in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/inception.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    avg_pool,
    conv,
    max_pool,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.inception import (
    HALF,
    MEAN,
    HeadSpec,
    InceptionV3Spec,
    MixedSpec,
)


class BasicConv2d(nn.Module):
    def __init__(self, c: ConvSpec, spec: BatchNormed):
        super().__init__()
        self.conv = conv(c)
        self.bn = norm(c.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.bn(self.conv(x)))


class InceptionA(nn.Module):
    """Figure 5."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), (five1, five2), (double1, double2, double3), (pooled,) = m.branches
        self.branch1x1 = BasicConv2d(one, spec)
        self.branch5x5_1 = BasicConv2d(five1, spec)
        self.branch5x5_2 = BasicConv2d(five2, spec)
        self.branch3x3dbl_1 = BasicConv2d(double1, spec)
        self.branch3x3dbl_2 = BasicConv2d(double2, spec)
        self.branch3x3dbl_3 = BasicConv2d(double3, spec)
        self.branch_pool = BasicConv2d(pooled, spec)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = self.branch3x3dbl_3(double)
        pooled = self.branch_pool(avg_pool(x, MEAN))
        return torch.cat([one, five, double, pooled], 1)


class InceptionB(nn.Module):
    """It halves the map (figure 10)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (three,), (double1, double2, double3) = m.branches
        self.branch3x3 = BasicConv2d(three, spec)
        self.branch3x3dbl_1 = BasicConv2d(double1, spec)
        self.branch3x3dbl_2 = BasicConv2d(double2, spec)
        self.branch3x3dbl_3 = BasicConv2d(double3, spec)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double = self.branch3x3dbl_3(double)
        return torch.cat([three, double, max_pool(x, HALF)], 1)


class InceptionC(nn.Module):
    """Figure 6."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), seven, double, (pooled,) = m.branches
        self.branch1x1 = BasicConv2d(one, spec)
        self.branch7x7_1 = BasicConv2d(seven[0], spec)
        self.branch7x7_2 = BasicConv2d(seven[1], spec)
        self.branch7x7_3 = BasicConv2d(seven[2], spec)
        self.branch7x7dbl_1 = BasicConv2d(double[0], spec)
        self.branch7x7dbl_2 = BasicConv2d(double[1], spec)
        self.branch7x7dbl_3 = BasicConv2d(double[2], spec)
        self.branch7x7dbl_4 = BasicConv2d(double[3], spec)
        self.branch7x7dbl_5 = BasicConv2d(double[4], spec)
        self.branch_pool = BasicConv2d(pooled, spec)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        seven = self.branch7x7_2(self.branch7x7_1(x))
        seven = self.branch7x7_3(seven)
        double = self.branch7x7dbl_2(self.branch7x7dbl_1(x))
        double = self.branch7x7dbl_4(self.branch7x7dbl_3(double))
        double = self.branch7x7dbl_5(double)
        pooled = self.branch_pool(avg_pool(x, MEAN))
        return torch.cat([one, seven, double, pooled], 1)


class InceptionD(nn.Module):
    """It halves the map."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        three, seven = m.branches
        self.branch3x3_1 = BasicConv2d(three[0], spec)
        self.branch3x3_2 = BasicConv2d(three[1], spec)
        self.branch7x7x3_1 = BasicConv2d(seven[0], spec)
        self.branch7x7x3_2 = BasicConv2d(seven[1], spec)
        self.branch7x7x3_3 = BasicConv2d(seven[2], spec)
        self.branch7x7x3_4 = BasicConv2d(seven[3], spec)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_2(self.branch7x7x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(seven))
        return torch.cat([three, seven, max_pool(x, HALF)], 1)


class InceptionE(nn.Module):
    """Two branches fork (figure 7)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), three, double, (pooled,) = m.branches
        self.branch1x1 = BasicConv2d(one, spec)
        self.branch3x3_1 = BasicConv2d(three[0], spec)
        self.branch3x3_2a = BasicConv2d(three[1], spec)
        self.branch3x3_2b = BasicConv2d(three[2], spec)
        self.branch3x3dbl_1 = BasicConv2d(double[0], spec)
        self.branch3x3dbl_2 = BasicConv2d(double[1], spec)
        self.branch3x3dbl_3a = BasicConv2d(double[2], spec)
        self.branch3x3dbl_3b = BasicConv2d(double[3], spec)
        self.branch_pool = BasicConv2d(pooled, spec)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch1x1(x)
        three = self.branch3x3_1(x)
        three_a, three_b = self.branch3x3_2a(three), self.branch3x3_2b(three)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        double_a, double_b = self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)
        pooled = self.branch_pool(avg_pool(x, MEAN))
        return torch.cat([one, three_a, three_b, double_a, double_b, pooled], 1)


class InceptionAux(nn.Module):
    """An auxiliary classifier (section 4)."""

    def __init__(self, h: HeadSpec, spec: BatchNormed):
        super().__init__()
        self.pool = h.pool
        self.conv0 = BasicConv2d(h.conv0, spec)
        self.conv1 = BasicConv2d(h.conv1, spec)
        self.fc = nn.Linear(*h.linear)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv0(avg_pool(x, self.pool))  # [B, 128, 5, 5]
        x = self.conv1(x)  # [B, 768, 1, 1]
        return self.fc(x.mean((2, 3)))  # [B, num_classes]


class InceptionV3(nn.Module):
    def __init__(self, spec: InceptionV3Spec):
        super().__init__()
        c1, c2, c3, c4, c5 = spec.stem
        self.spec = spec
        self.mixed_5 = tuple(spec.mixed_5)
        self.mixed_6 = tuple(spec.mixed_6)
        self.mixed_7 = tuple(spec.mixed_7)
        self.Conv2d_1a_3x3 = BasicConv2d(c1, spec)
        self.Conv2d_2a_3x3 = BasicConv2d(c2, spec)
        self.Conv2d_2b_3x3 = BasicConv2d(c3, spec)
        self.Conv2d_3b_1x1 = BasicConv2d(c4, spec)
        self.Conv2d_4a_3x3 = BasicConv2d(c5, spec)
        for name, m in spec.mixed_5.items():
            setattr(self, name, InceptionA(m, spec))
        self.Mixed_6a = InceptionB(spec.mixed_6a, spec)
        for name, m in spec.mixed_6.items():
            setattr(self, name, InceptionC(m, spec))
        self.Mixed_7a = InceptionD(spec.mixed_7a, spec)
        for name, m in spec.mixed_7.items():
            setattr(self, name, InceptionE(m, spec))
        if spec.head:
            self.AuxLogits = InceptionAux(spec.aux, spec)
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))  # [B, 32, 147, 147]
        x = max_pool(self.Conv2d_2b_3x3(x), HALF)  # [B, 64, 73, 73]
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # [B, 192, 71, 71]
        x = max_pool(x, HALF)  # [B, 192, 35, 35]
        for name in self.mixed_5:
            x = getattr(self, name)(x)  # [B, 288, 35, 35]
        x = self.Mixed_6a(x)  # [B, 768, 17, 17]
        for name in self.mixed_6:
            x = getattr(self, name)(x)
        aux = self.AuxLogits(x) if self.training and self.spec.head else None
        x = self.Mixed_7a(x)  # [B, 1280, 8, 8]
        for name in self.mixed_7:
            x = getattr(self, name)(x)  # [B, 2048, 8, 8]
        x = self.fc(self.dropout(x.mean((2, 3))))  # [B, num_classes]
        return x if aux is None else (x, aux)

"""Inception v4 and Inception-ResNet v2 in PyTorch, BCHW.

Specs, names, paper: shared/specs/vision/inception_v4.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    avg_pool,
    conv,
    max_pool,
)
from pytorch_impl.models.vision.inception import BasicConv2d
from shared.specs.base import BatchNormed
from shared.specs.vision.inception import HALF, Chain, MixedSpec
from shared.specs.vision.inception_v4 import (
    MEAN,
    InceptionResNetV2Spec,
    InceptionV4Spec,
    ResidualSpec,
)


def chain(convs: Chain, spec: BatchNormed) -> nn.Sequential:
    return nn.Sequential(*(BasicConv2d(c, spec) for c in convs))


class Mean(nn.Module):
    """A mean as a layer, for lists of layers whose published names count it."""

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool(x, MEAN)


class Mixed3a(nn.Module):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([max_pool(x, HALF), self.conv(x)], 1)


class Mixed4a(nn.Module):
    """Two branches (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x)], 1)


class Mixed5a(nn.Module):
    """It halves the map (figure 3)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        ((c,),) = m.branches
        self.conv = BasicConv2d(c, spec)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv(x), max_pool(x, HALF)], 1)


class InceptionAB(nn.Module):
    """Three branches, and one behind a mean (figures 4 and 5)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)
        self.branch3 = nn.Sequential(Mean(), BasicConv2d(pooled, spec))

    def forward(self, x: Tensor) -> Tensor:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return torch.cat([one, two, three, self.branch3(x)], 1)


class InceptionC(nn.Module):
    """Two branches fork (figure 6)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three, (pooled,) = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1_0 = BasicConv2d(two[0], spec)
        self.branch1_1a = BasicConv2d(two[1], spec)
        self.branch1_1b = BasicConv2d(two[2], spec)
        self.branch2_0 = BasicConv2d(three[0], spec)
        self.branch2_1 = BasicConv2d(three[1], spec)
        self.branch2_2 = BasicConv2d(three[2], spec)
        self.branch2_3a = BasicConv2d(three[3], spec)
        self.branch2_3b = BasicConv2d(three[4], spec)
        self.branch3 = nn.Sequential(Mean(), BasicConv2d(pooled, spec))

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch0(x)
        two = self.branch1_0(x)
        two_a, two_b = self.branch1_1a(two), self.branch1_1b(two)
        three = self.branch2_2(self.branch2_1(self.branch2_0(x)))
        three_a, three_b = self.branch2_3a(three), self.branch2_3b(three)
        pooled = self.branch3(x)
        return torch.cat([one, two_a, two_b, three_a, three_b, pooled], 1)


class ReductionA(nn.Module):
    """It halves the map (figure 7)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        (one,), two = m.branches
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), max_pool(x, HALF)], 1)


class ReductionB(nn.Module):
    """It halves the map (figure 8)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch0(x), self.branch1(x), max_pool(x, HALF)], 1)


class Mixed7a(nn.Module):
    """It halves the map in Inception-ResNet (figure 18)."""

    def __init__(self, m: MixedSpec, spec: BatchNormed):
        super().__init__()
        one, two, three = m.branches
        self.branch0 = chain(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)

    def forward(self, x: Tensor) -> Tensor:
        one, two, three = self.branch0(x), self.branch1(x), self.branch2(x)
        return torch.cat([one, two, three, max_pool(x, HALF)], 1)


class Block35(nn.Module):
    """Inception-ResNet-A (figure 16)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__()
        (one,), two, three = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.branch2 = chain(three, spec)
        self.conv2d = conv(r.projection)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat([self.branch0(x), self.branch1(x), self.branch2(x)], 1)
        return F.relu_(torch.add(x, self.conv2d(y), alpha=self.r.scale))


class Block17(nn.Module):
    """Inception-ResNet-B and C (figures 17 and 19)."""

    def __init__(self, r: ResidualSpec, spec: BatchNormed):
        super().__init__()
        (one,), two = r.branches
        self.r = r
        self.branch0 = BasicConv2d(one, spec)
        self.branch1 = chain(two, spec)
        self.conv2d = conv(r.projection)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2d(torch.cat([self.branch0(x), self.branch1(x)], 1))
        y = torch.add(x, y, alpha=self.r.scale)
        return F.relu_(y) if self.r.relu else y


class InceptionV4(nn.Module):
    def __init__(self, spec: InceptionV4Spec):
        super().__init__()
        self.spec = spec
        self.features = nn.Sequential(
            *(BasicConv2d(c, spec) for c in spec.stem),
            Mixed3a(spec.mixed_3a, spec),
            Mixed4a(spec.mixed_4a, spec),
            Mixed5a(spec.mixed_5a, spec),
            *(InceptionAB(m, spec) for m in spec.inception_a),
            ReductionA(spec.reduction_a, spec),
            *(InceptionAB(m, spec) for m in spec.inception_b),
            ReductionB(spec.reduction_b, spec),
            *(InceptionC(m, spec) for m in spec.inception_c),
        )
        self.dropout = Dropout(spec.dropout)
        self.last_linear = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x).mean((2, 3))  # [B, 1536]
        return self.last_linear(self.dropout(x))  # [B, num_classes]


class InceptionResNetV2(nn.Module):
    def __init__(self, spec: InceptionResNetV2Spec):
        super().__init__()
        c1, c2, c3, c4, c5 = spec.stem
        self.spec = spec
        self.conv2d_1a = BasicConv2d(c1, spec)
        self.conv2d_2a = BasicConv2d(c2, spec)
        self.conv2d_2b = BasicConv2d(c3, spec)
        self.conv2d_3b = BasicConv2d(c4, spec)
        self.conv2d_4a = BasicConv2d(c5, spec)
        self.mixed_5b = InceptionAB(spec.mixed_5b, spec)
        self.repeat = nn.Sequential(*(Block35(r, spec) for r in spec.repeat))
        self.mixed_6a = ReductionA(spec.mixed_6a, spec)
        self.repeat_1 = nn.Sequential(*(Block17(r, spec) for r in spec.repeat_1))
        self.mixed_7a = Mixed7a(spec.mixed_7a, spec)
        self.repeat_2 = nn.Sequential(*(Block17(r, spec) for r in spec.repeat_2))
        self.block8 = Block17(spec.block8, spec)
        self.conv2d_7b = BasicConv2d(spec.conv2d_7b, spec)
        self.dropout = Dropout(spec.dropout)
        self.classif = nn.Linear(spec.conv2d_7b.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d_2a(self.conv2d_1a(x))  # [B, 32, 147, 147]
        x = max_pool(self.conv2d_2b(x), HALF)  # [B, 64, 73, 73]
        x = self.conv2d_4a(self.conv2d_3b(x))  # [B, 192, 71, 71]
        x = self.mixed_5b(max_pool(x, HALF))  # [B, 320, 35, 35]
        x = self.mixed_6a(self.repeat(x))  # [B, 1088, 17, 17]
        x = self.mixed_7a(self.repeat_1(x))  # [B, 2080, 8, 8]
        x = self.block8(self.repeat_2(x))
        x = self.conv2d_7b(x).mean((2, 3))  # [B, 1536]
        return self.classif(self.dropout(x))  # [B, num_classes]

"""MobileNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/mobilenet.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    conv,
    norm,
)
from shared.specs.vision.mobilenet import BlockSpec, MobileNetV1Spec


class SeparableConv(nn.Module):
    """Each map filtered by itself, then all of them mixed (fig. 3, right)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV1Spec):
        super().__init__()
        self.conv_dw = conv(b.depthwise)
        self.bn1 = norm(b.depthwise.c_out, spec)
        self.conv_pw = conv(b.pointwise)
        self.bn2 = norm(b.pointwise.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.conv_dw(x)), inplace=True)  # [B, c_in, H/s, W/s]
        return F.relu6(self.bn2(self.conv_pw(x)), inplace=True)  # [B, c_out, H/s, W/s]


class MobileNetV1(nn.Module):
    def __init__(self, spec: MobileNetV1Spec):
        super().__init__()
        self.spec = spec
        self.conv_stem = conv(spec.stem)
        self.bn1 = norm(spec.stem.c_out, spec)
        self.blocks = nn.Sequential(
            *[
                nn.Sequential(*[SeparableConv(b, spec) for b in stage])
                for stage in spec.stages
            ]
        )
        self.dropout = Dropout(spec.dropout)
        self.classifier = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        # DIFF(in-place): what nobody reads again is written over.
        x = F.relu6(self.bn1(self.conv_stem(x)), inplace=True)  # [B, 32, H/2, W/2]
        x = self.blocks(x)  # [B, 1024, H/32, W/32]
        return self.classifier(self.dropout(x.mean((2, 3))))  # [B, num_classes]

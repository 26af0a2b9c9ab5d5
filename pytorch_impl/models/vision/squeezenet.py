"""SqueezeNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/squeezenet.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Dropout,
    MaxPool2d,
    conv,
)
from shared.specs.vision.squeezenet import FireSpec, SqueezeNetSpec


class Fire(nn.Module):
    """Figure 1."""

    def __init__(self, s: FireSpec):
        super().__init__()
        self.squeeze = conv(s.squeeze)
        self.expand1x1 = conv(s.expand1x1)
        self.expand3x3 = conv(s.expand3x3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.squeeze(x))  # [B, squeezed, H, W]
        parts = F.relu_(self.expand1x1(x)), F.relu_(self.expand3x3(x))
        return torch.cat(parts, 1)  # [B, expanded, H, W]


def features(spec: SqueezeNetSpec) -> list[nn.Module]:
    found: list[nn.Module] = [conv(spec.stem), Activation("relu")]
    for fires in spec.fires:
        found.append(MaxPool2d(spec.pool))
        found += [Fire(fire) for fire in fires]
    return found


class SqueezeNet(nn.Module):
    def __init__(self, spec: SqueezeNetSpec):
        super().__init__()
        self.spec = spec
        self.features = nn.Sequential(*features(spec))
        self.classifier = nn.Sequential(
            Dropout(spec.dropout),
            conv(spec.classes),
            Activation("relu"),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, 512, H/16, W/16]
        x = self.classifier(x)  # [B, num_classes, H/16, W/16]
        return x.mean((2, 3))  # [B, num_classes]

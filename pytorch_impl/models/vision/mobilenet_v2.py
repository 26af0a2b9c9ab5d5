"""MobileNetV2 in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/mobilenet_v2.py.
"""

from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Dropout,
    conv,
    norm,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.mobilenet_v2 import BlockSpec, MobileNetV2Spec


def conv_norm(c: ConvSpec, spec: MobileNetV2Spec) -> nn.Sequential:
    return nn.Sequential(conv(c), norm(c.c_out, spec), Activation("relu6"))


class InvertedResidual(nn.Module):
    """Made wide, filtered map by map, made narrow again (fig. 4, d)."""

    def __init__(self, b: BlockSpec, spec: MobileNetV2Spec):
        super().__init__()
        self.shortcut = b.shortcut
        layers: list[nn.Module] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec))
        layers.append(conv_norm(b.depthwise, spec))
        layers += [conv(b.project), norm(b.project.c_out, spec)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)  # [B, c_out, H/s, W/s]
        # DIFF(in-place): what nobody reads again is written over.
        return y.add_(x) if self.shortcut else y


class MobileNetV2(nn.Module):
    def __init__(self, spec: MobileNetV2Spec):
        super().__init__()
        self.spec = spec
        self.features = nn.Sequential(
            conv_norm(spec.stem, spec),
            *[InvertedResidual(b, spec) for b in spec.blocks],
            conv_norm(spec.head, spec),
        )
        self.classifier = nn.Sequential(
            Dropout(spec.dropout), nn.Linear(spec.head.c_out, spec.num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, 1280, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

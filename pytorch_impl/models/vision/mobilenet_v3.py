"""MobileNetV3 in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/mobilenet_v3.py.
"""

from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Dropout,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import BatchNormed, ConvSpec
from shared.specs.vision.mobilenet_v3 import BlockSpec, MobileNetV3Spec


def conv_norm(c: ConvSpec, spec: BatchNormed, activation: str) -> nn.Sequential:
    return nn.Sequential(conv(c), norm(c.c_out, spec), Activation(activation))


class InvertedResidual(nn.Module):
    """Made wide, filtered and weighed map by map, made narrow (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: BatchNormed):
        super().__init__()
        self.shortcut = b.shortcut
        layers: list[nn.Module] = []
        if b.expand:
            layers.append(conv_norm(b.expand, spec, b.activation))
        layers.append(conv_norm(b.depthwise, spec, b.activation))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze))
        layers.append(conv_norm(b.project, spec, "identity"))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)  # [B, c_out, H/s, W/s]
        # DIFF(in-place): what nobody reads again is written over.
        return y.add_(x) if self.shortcut else y


class MobileNetV3(nn.Module):
    def __init__(self, spec: MobileNetV3Spec):
        super().__init__()
        self.spec = spec
        hidden, last = spec.dense
        self.features = nn.Sequential(
            conv_norm(spec.stem, spec, "hard_swish"),
            *[InvertedResidual(b, spec) for b in spec.blocks],
            conv_norm(spec.head, spec, "hard_swish"),
        )
        self.classifier = nn.Sequential(
            nn.Linear(*hidden),
            Activation("hard_swish"),
            Dropout(spec.dropout),
            nn.Linear(*last),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, 960, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

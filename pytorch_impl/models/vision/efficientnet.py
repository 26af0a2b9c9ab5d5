"""EfficientNet in PyTorch, BCHW.

Spec, names, papers: shared/specs/vision/efficientnet.py.
"""

from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Dropout,
    DropPath,
    SqueezeExcitation,
    conv,
    norm,
)
from shared.specs.base import SqueezeSpec
from shared.specs.vision.efficientnet import BlockSpec, EfficientNetSpec, UnitSpec


def unit(u: UnitSpec | SqueezeSpec, spec: EfficientNetSpec) -> nn.Module:
    if isinstance(u, SqueezeSpec):
        return SqueezeExcitation(u)
    return nn.Sequential(
        conv(u.conv), norm(u.conv.c_out, spec), Activation(u.activation)
    )


class Block(nn.Module):
    """MBConv, or with one convolution for its first two Fused-MBConv (V2, fig. 2)."""

    def __init__(self, b: BlockSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        self.block = nn.ModuleList(unit(u, spec) for u in b.units)
        self.stochastic_depth = DropPath(b.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.block:
            y = layer(y)  # [B, c_out, H/s, W/s]
        # DIFF(in-place): what nobody reads again is written over.
        return self.stochastic_depth(y).add_(x) if self.adds else y


class EfficientNet(nn.Module):
    def __init__(self, spec: EfficientNetSpec):
        super().__init__()
        self.spec = spec
        stages = [
            nn.ModuleList(Block(b, spec) for b in blocks) for blocks in spec.blocks
        ]
        self.features = nn.ModuleList(
            [unit(spec.stem, spec), *stages, unit(spec.head, spec)]
        )
        self.classifier = nn.Sequential(
            Dropout(spec.dropout), nn.Linear(spec.head.conv.c_out, spec.num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        stem, *stages, head = self.features
        x = stem(x)  # [B, 32, H/2, W/2]
        for blocks in stages:
            for block in blocks.children():
                x = block(x)
        x = head(x)  # [B, 1280, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

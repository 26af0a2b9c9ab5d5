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
from shared.specs.vision.efficientnet import (
    EfficientNetSpec,
    FusedSpec,
    MBConvSpec,
    UnitSpec,
)


def unit(u: UnitSpec, spec: EfficientNetSpec) -> nn.Sequential:
    return nn.Sequential(
        conv(u.conv), norm(u.conv.c_out, spec), Activation(u.activation)
    )


class MBConv(nn.Module):
    """Made wide, filtered and weighed map by map, made narrow again (V2, fig. 2)."""

    def __init__(self, b: MBConvSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        layers: list[nn.Module] = []
        if b.expand:
            layers.append(unit(b.expand, spec))
        layers.append(unit(b.depthwise, spec))
        if b.squeeze:
            layers.append(SqueezeExcitation(b.squeeze))
        layers.append(unit(b.project, spec))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = DropPath(b.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)  # [B, c_out, H/s, W/s]
        # DIFF(in-place): what nobody reads again is written over.
        return self.stochastic_depth(y).add_(x) if self.adds else y


class FusedMBConv(nn.Module):
    """An MBConv with one convolution for the first two (V2, fig. 2)."""

    def __init__(self, b: FusedSpec, spec: EfficientNetSpec):
        super().__init__()
        self.adds = b.adds
        layers = [unit(b.conv, spec)]
        if b.project:
            layers.append(unit(b.project, spec))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = DropPath(b.drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)  # [B, c_out, H/s, W/s]
        # DIFF(in-place): what nobody reads again is written over.
        return self.stochastic_depth(y).add_(x) if self.adds else y


def block(b: MBConvSpec | FusedSpec, spec: EfficientNetSpec) -> nn.Module:
    if isinstance(b, MBConvSpec):
        return MBConv(b, spec)
    return FusedMBConv(b, spec)


class EfficientNet(nn.Module):
    def __init__(self, spec: EfficientNetSpec):
        super().__init__()
        self.spec = spec
        stages = [
            nn.ModuleList(block(b, spec) for b in blocks) for blocks in spec.blocks
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
            for layer in blocks.children():
                x = layer(x)
        x = head(x)  # [B, 1280, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

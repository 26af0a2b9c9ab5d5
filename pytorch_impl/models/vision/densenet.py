"""DenseNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/densenet.py.
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
from shared.specs.vision.densenet import (
    BlockSpec,
    DenseNetSpec,
    LayerSpec,
    TransitionSpec,
)


class DenseLayer(nn.Module):
    """Makes `growth` maps of all maps before it (section 3)."""

    def __init__(self, s: LayerSpec, spec: DenseNetSpec):
        super().__init__()
        c1, c2 = s.convs
        self.norm1 = norm(c1.c_in, spec)
        self.conv1 = conv(c1)
        self.norm2 = norm(c2.c_in, spec)
        self.conv2 = conv(c2)
        self.drop = Dropout(spec.dropout)

    def forward(self, found: list[Tensor]) -> Tensor:
        x = torch.cat(found, 1)
        y = self.conv1(F.relu_(self.norm1(x)))  # [B, 4 * growth, H, W]
        y = self.conv2(F.relu_(self.norm2(y)))  # [B, growth, H, W]
        return self.drop(y)


class DenseBlock(nn.Module):
    """Figure 1."""

    def __init__(self, s: BlockSpec, spec: DenseNetSpec):
        super().__init__()
        self.names = tuple(layer.name for layer in s.layers)
        for layer in s.layers:
            setattr(self, layer.name, DenseLayer(layer, spec))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for name in self.names:
            found.append(getattr(self, name)(found))
        return torch.cat(found, 1)  # [B, C + depth * growth, H, W]


class Transition(nn.Module):
    def __init__(self, s: TransitionSpec, spec: DenseNetSpec):
        super().__init__()
        self.s = s
        self.norm = norm(s.conv.c_in, spec)
        self.conv = conv(s.conv)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu_(self.norm(x)))  # [B, C/2, H, W]
        return avg_pool(x, self.s.pool)  # [B, C/2, H/2, W/2]


class Features(nn.Module):
    def __init__(self, spec: DenseNetSpec):
        super().__init__()
        parts = spec.parts
        self.spec = spec
        self.names = tuple(part.name for part in parts)
        self.conv0 = conv(spec.stem)
        self.norm0 = norm(spec.stem.c_out, spec)
        for part in parts:
            if isinstance(part, BlockSpec):
                setattr(self, part.name, DenseBlock(part, spec))
            else:
                setattr(self, part.name, Transition(part, spec))
        self.norm5 = norm(spec.c_out, spec)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.norm0(self.conv0(x)))  # [B, 64, H/2, W/2]
        x = max_pool(x, self.spec.stem_pool)  # [B, 64, H/4, W/4]
        for name in self.names:
            x = getattr(self, name)(x)
        return F.relu_(self.norm5(x))


class DenseNet(nn.Module):
    def __init__(self, spec: DenseNetSpec):
        super().__init__()
        self.spec = spec
        self.features = Features(spec)
        self.classifier = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, C, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

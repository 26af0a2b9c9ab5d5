"""ShuffleNet V2 in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/shufflenet.py.
"""

import torch
from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    conv,
    max_pool,
    norm,
)
from shared.specs.vision.shufflenet import ShuffleNetSpec, Step, UnitSpec


def branch(steps: tuple[Step, ...], spec: ShuffleNetSpec) -> nn.Sequential:
    found: list[nn.Module] = []
    for c, activation in steps:
        found += [conv(c), norm(c.c_out, spec)]
        if activation:
            found.append(Activation(activation))
    return nn.Sequential(*found)


class Unit(nn.Module):
    """Splits the maps (figure 3c), or reads all of them twice, with a stride (figure
    3d)."""

    def __init__(self, s: UnitSpec, spec: ShuffleNetSpec):
        super().__init__()
        self.s = s
        if s.branch1:
            self.branch1 = branch(s.branch1, spec)
        self.branch2 = branch(s.branch2, spec)

    def forward(self, x: Tensor) -> Tensor:
        if self.s.branch1:
            a, b = self.branch1(x), x  # [B, C'/2, H/2, W/2]
        else:
            a, b = x.chunk(2, 1)  # [B, C/2, H, W]
        return torch.stack([a, self.branch2(b)], 2).flatten(1, 2)  # [B, C', H/s, W/s]


def stage(units: tuple[UnitSpec, ...], spec: ShuffleNetSpec) -> nn.Sequential:
    return nn.Sequential(*(Unit(unit, spec) for unit in units))


class ShuffleNet(nn.Module):
    def __init__(self, spec: ShuffleNetSpec):
        super().__init__()
        self.spec = spec
        stage2, stage3, stage4 = spec.stages
        self.conv1 = branch(spec.stem, spec)
        self.stage2 = stage(stage2, spec)
        self.stage3 = stage(stage3, spec)
        self.stage4 = stage(stage4, spec)
        self.conv5 = branch(spec.last, spec)
        self.fc = nn.Linear(spec.widths[-1], spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)  # [B, 24, H/2, W/2]
        x = max_pool(x, self.spec.stem_pool)  # [B, 24, H/4, W/4]
        x = self.stage2(x)  # [B, C, H/8, W/8]
        x = self.stage3(x)  # [B, 2C, H/16, W/16]
        x = self.stage4(x)  # [B, 4C, H/32, W/32]
        x = self.conv5(x)  # [B, 1024, H/32, W/32]
        return self.fc(x.mean((2, 3)))  # [B, num_classes]

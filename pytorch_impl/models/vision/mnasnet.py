"""MnasNet in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/mnasnet.py.
"""

from torch import Tensor, nn

from pytorch_impl.layers import (
    Activation,
    Dropout,
    conv,
    norm,
)
from shared.specs.vision.mnasnet import BlockSpec, MNASNetSpec, Step


def steps_of(steps: tuple[Step, ...], spec: MNASNetSpec) -> list[nn.Module]:
    found: list[nn.Module] = []
    for c, activation in steps:
        found += [conv(c), norm(c.c_out, spec)]
        if activation:
            found.append(Activation(activation))
    return found


class Block(nn.Module):
    """An inverted residual (figure 7, MBConv)."""

    def __init__(self, b: BlockSpec, spec: MNASNetSpec):
        super().__init__()
        self.residual = b.residual
        self.block = nn.Sequential(*steps_of(b.steps, spec))

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)  # [B, C', H/s, W/s]
        return y.add_(x) if self.residual else y


def features(spec: MNASNetSpec) -> list[nn.Module]:
    found = steps_of(spec.stem, spec)
    for blocks in spec.blocks:
        found.append(nn.Sequential(*(Block(b, spec) for b in blocks)))
    return found + steps_of(spec.last, spec)


class MNASNet(nn.Module):
    def __init__(self, spec: MNASNetSpec):
        super().__init__()
        self.spec = spec
        self.features = nn.Sequential(*features(spec))
        self.classifier = nn.Sequential(
            Dropout(spec.dropout),
            nn.Linear(spec.last_width, spec.num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, 1280, H/32, W/32]
        return self.classifier(x.mean((2, 3)))  # [B, num_classes]

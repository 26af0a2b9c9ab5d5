"""Siamese networks in PyTorch: what the towers take, [B, features] or BCHW.

Spec, names, papers: shared/specs/vision/siamese.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import conv, max_pool, unit
from pytorch_impl.models.classic.mlp import MLP
from pytorch_impl.models.vision.lenet import LeNet
from pytorch_impl.models.vision.simple_cnn import SimpleCNN
from shared.specs.classic.mlp import MLPSpec
from shared.specs.vision.lenet import LeNetSpec
from shared.specs.vision.siamese import OneShotSpec, SiameseSpec
from shared.specs.vision.simple_cnn import SimpleCNNSpec

TOWERS = {MLPSpec: MLP, SimpleCNNSpec: SimpleCNN, LeNetSpec: LeNet}


class Siamese(nn.Module):
    """Two calls of the tower, or of triplets three (Hadsell et al. 2006, figure 1)."""

    def __init__(self, spec: SiameseSpec):
        super().__init__()
        self.spec = spec
        self.tower = TOWERS[type(spec.tower)](spec.tower)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.placed(self.tower(x)) for x in inputs)

    def embed(self, x: Tensor) -> Tensor:
        return self.placed(self.tower(x))

    def placed(self, y: Tensor) -> Tensor:
        return unit(y) if self.spec.normed else y  # [B, width]


class OneShotTower(nn.Module):
    def __init__(self, spec: OneShotSpec):
        super().__init__()
        self.spec = spec
        self.convs = nn.ModuleList(conv(c) for c in spec.convs)
        self.fc = nn.Linear(spec.features, spec.hidden)

    def forward(self, x: Tensor) -> Tensor:
        *pooled, last = self.convs
        for layer in pooled:
            x = max_pool(F.relu(layer(x)), self.spec.pool)  # [B, width, H/2, W/2]
        x = F.relu(last(x)).flatten(1)
        return self.fc(x).sigmoid()  # [B, hidden]


class OneShot(nn.Module):
    """Is what both show alike? (Koch et al. 2015, figures 3 and 4)"""

    def __init__(self, spec: OneShotSpec):
        super().__init__()
        self.spec = spec
        self.tower = OneShotTower(spec)
        self.fc = nn.Linear(spec.hidden, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        d = self.tower(first) - self.tower(second)
        return self.fc(d.abs())  # [B, 1]

    def embed(self, x: Tensor) -> Tensor:
        return self.tower(x)

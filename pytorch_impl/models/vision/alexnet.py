"""AlexNet in PyTorch, BCHW.

Specs, names, papers: shared/specs/vision/alexnet.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    MaxPool2d,
    conv,
    local_response_norm,
    max_pool,
)
from shared.specs.vision.alexnet import AlexNetSpec, TwoTowerAlexNetSpec


def features(spec: AlexNetSpec) -> list[nn.Module]:
    found: list[nn.Module] = []
    for c, pools in spec.stages:
        found += [conv(c), nn.ReLU()]
        found += [MaxPool2d(pool) for pool in pools]
    return found


def classifier(spec: AlexNetSpec) -> list[nn.Module]:
    *hidden, last = spec.dense
    found: list[nn.Module] = []
    for sizes in hidden:
        found += [Dropout(spec.dropout), nn.Linear(*sizes), nn.ReLU()]
    return [*found, nn.Linear(*last)]


class AlexNet(nn.Module):
    """One tower."""

    def __init__(self, spec: AlexNetSpec):
        super().__init__()
        self.spec = spec
        self.features = nn.ModuleList(features(spec))
        self.classifier = nn.ModuleList(classifier(spec))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.features:
            x = layer(x)
        x = F.adaptive_avg_pool2d(x, self.spec.pooled)  # [B, 256, 6, 6]
        x = x.flatten(1)  # [B, 9216]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]


class TwoTowerAlexNet(nn.Module):
    """Figure 2."""

    def __init__(self, spec: TwoTowerAlexNetSpec):
        super().__init__()
        self.spec = spec
        self.conv1 = conv(spec.convs[0])
        self.conv2 = conv(spec.convs[1])
        self.conv3 = conv(spec.convs[2])
        self.conv4 = conv(spec.convs[3])
        self.conv5 = conv(spec.convs[4])
        self.fc6 = nn.Linear(*spec.dense[0])
        self.drop6 = Dropout(spec.dropout)
        self.fc7 = nn.Linear(*spec.dense[1])
        self.drop7 = Dropout(spec.dropout)
        self.fc8 = nn.Linear(*spec.dense[2])

    def norm(self, x: Tensor) -> Tensor:
        s = self.spec
        return local_response_norm(x, s.lrn_size, s.lrn_alpha, s.lrn_beta, s.lrn_k)

    def pool(self, x: Tensor) -> Tensor:
        p = self.spec.pool
        return max_pool(x, p)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.norm(F.relu(self.conv1(x))))  # [B, 96, 27, 27]
        x = self.pool(self.norm(F.relu(self.conv2(x))))  # [B, 256, 13, 13]
        x = F.relu(self.conv3(x))  # [B, 384, 13, 13]
        x = F.relu(self.conv4(x))
        x = self.pool(F.relu(self.conv5(x)))  # [B, 256, 6, 6]
        x = self.drop6(F.relu(self.fc6(x.flatten(1))))  # [B, 4096]
        x = self.drop7(F.relu(self.fc7(x)))
        return self.fc8(x)  # [B, num_classes]

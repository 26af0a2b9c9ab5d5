"""VGG in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/vgg.py.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Dropout,
    MaxPool2d,
    conv,
    norm,
)
from shared.specs.vision.vgg import VGGSpec


def features(spec: VGGSpec) -> nn.ModuleList:
    """Build the stages of table 1, one after the other."""
    found, pool = nn.ModuleList(), spec.pool
    for convs in spec.convs:
        for c in convs:
            found.append(conv(c))
            if spec.batch_norm:
                found.append(norm(c.c_out, spec))
            found.append(nn.ReLU())
        found.append(MaxPool2d(pool))
    return found


def classifier(spec: VGGSpec) -> nn.ModuleList:
    found = nn.ModuleList()
    *hidden, last = spec.linears
    for c_in, c_out in hidden:
        found.extend([nn.Linear(c_in, c_out), nn.ReLU(), Dropout(spec.dropout)])
    found.append(nn.Linear(*last))
    return found


class VGG(nn.Module):
    def __init__(self, spec: VGGSpec):
        super().__init__()
        self.spec = spec
        self.features = features(spec)
        self.classifier = classifier(spec)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.features:
            x = layer(x)
        x = F.adaptive_avg_pool2d(x, self.spec.pooled)  # [B, 512, 7, 7]
        x = x.flatten(1)  # [B, 25088]
        for layer in self.classifier:
            x = layer(x)
        return x  # [B, num_classes]

"""timm's ResNet without its head, its norms as keras-hub has them."""

import their  # noqa: F401
from timm.models.resnet import BasicBlock, ResNet
from torch import nn


class Features(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model.forward_features(x)


def make():
    model = ResNet(BasicBlock, [2, 1, 1, 1], num_classes=0)
    return Features(model)

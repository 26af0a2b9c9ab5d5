"""timm's ResNet of bottlenecks."""

import their  # noqa: F401
from timm.models.resnet import Bottleneck, ResNet


def make():
    widths = (8, 12, 16, 20)
    model = ResNet(
        Bottleneck, [1, 2, 1, 1], num_classes=5, stem_width=8, channels=widths
    )
    return model

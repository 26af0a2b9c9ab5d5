"""torchvision's MobileNetV2, narrow."""

import their  # noqa: F401
from torchvision.models import MobileNetV2


def make():
    model = MobileNetV2(num_classes=5, width_mult=0.35)
    return model

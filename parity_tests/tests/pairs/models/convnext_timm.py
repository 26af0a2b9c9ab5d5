"""timm's ConvNeXt."""

import their  # noqa: F401
from timm.models.convnext import ConvNeXt


def make():
    model = ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 8, 12, 16), num_classes=5)
    return model

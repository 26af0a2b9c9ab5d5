"""torchvision's ConvNeXt."""

import their  # noqa: F401
from torchvision.models.convnext import CNBlockConfig, ConvNeXt


def make():
    widths = [4, 8, 12, 16]
    blocks = [
        CNBlockConfig(width, after, depth)
        for width, after, depth in zip(
            widths, [*widths[1:], None], [1, 1, 2, 1], strict=True
        )
    ]
    model = ConvNeXt(blocks, num_classes=5)
    return model

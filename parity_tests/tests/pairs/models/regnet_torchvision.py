"""torchvision's RegNetY."""

import their  # noqa: F401
from torchvision.models.regnet import BlockParams, RegNet


def make():
    params = BlockParams(
        depths=[1, 1, 2, 1],
        widths=[8, 16, 24, 32],
        group_widths=[8, 8, 8, 8],
        bottleneck_multipliers=[1.0] * 4,
        strides=[2] * 4,
        se_ratio=0.25,
    )
    model = RegNet(params, num_classes=5, stem_width=8)
    return model

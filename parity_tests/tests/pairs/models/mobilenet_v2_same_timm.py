"""timm's MobileNetV2 with TensorFlow's paddings and norms."""

import their  # noqa: F401
import timm
from torch import nn


def make():
    model = timm.create_model(
        "mobilenetv2_035", num_classes=5, pad_type="same", bn_eps=1e-3
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.001
    return model

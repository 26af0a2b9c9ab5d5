"""timm's MobileNetV3 in TensorFlow's form."""

import their  # noqa: F401
import timm
from torch import nn


def make():
    model = timm.create_model("tf_mobilenetv3_small_075", num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.001
    return model

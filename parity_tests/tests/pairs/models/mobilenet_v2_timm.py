"""timm's MobileNetV2, narrow."""

import their  # noqa: F401
import timm


def make():
    model = timm.create_model("mobilenetv2_035", num_classes=5)
    return model

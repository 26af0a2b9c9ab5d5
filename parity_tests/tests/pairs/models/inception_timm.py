"""timm's InceptionV3."""

import their  # noqa: F401
import timm


def make():
    model = timm.create_model("inception_v3", num_classes=5)
    return model

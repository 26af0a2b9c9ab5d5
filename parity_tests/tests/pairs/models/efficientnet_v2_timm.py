"""timm's EfficientNetV2 in TensorFlow's form."""

import their  # noqa: F401
import timm


def make():
    model = timm.create_model(
        "tf_efficientnetv2_b0", num_classes=5, drop_rate=0.2, drop_path_rate=0.2
    )
    return model

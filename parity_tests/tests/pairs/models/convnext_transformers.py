"""transformers' ConvNeXt."""

import their  # noqa: F401
from transformers import ConvNextConfig, ConvNextForImageClassification


def make():
    config = ConvNextConfig(
        depths=[1, 1, 2, 1],
        hidden_sizes=[4, 8, 12, 16],
        num_labels=5,
        hidden_act="gelu",
    )
    model = ConvNextForImageClassification(config)
    model.convnext.layernorm.eps = 1e-6  # 1e-12 as published
    return model

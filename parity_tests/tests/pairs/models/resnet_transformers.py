"""transformers' ResNet of bottlenecks."""

import their  # noqa: F401
from transformers import ResNetConfig, ResNetForImageClassification


def make():
    config = ResNetConfig(
        depths=[1, 2, 1, 1],
        embedding_size=64,
        hidden_sizes=[32, 48, 64, 80],
        num_labels=5,
    )
    model = ResNetForImageClassification(config)
    return model

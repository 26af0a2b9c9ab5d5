"""transformers' MobileNetV1 with Keras's rate of its statistics."""

import their  # noqa: F401
from torch import nn
from transformers import MobileNetV1Config, MobileNetV1ForImageClassification


def make():
    config = MobileNetV1Config(
        depth_multiplier=0.25, num_labels=5, classifier_dropout_prob=1e-3
    )
    model = MobileNetV1ForImageClassification(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
    return model

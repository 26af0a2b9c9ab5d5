"""transformers' RegNetY."""

import their  # noqa: F401
from transformers import RegNetConfig, RegNetForImageClassification


def make():
    config = RegNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16, 24, 32],
        depths=[1, 1, 2, 1],
        groups_width=8,
        layer_type="y",
        downsample_in_first_stage=True,
        num_labels=5,
        hidden_act="relu",
    )
    model = RegNetForImageClassification(config)
    return model

"""transformers' ViT."""

import their  # noqa: F401
from transformers import ViTConfig, ViTForImageClassification


def make():
    config = ViTConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=48,
        image_size=16,
        patch_size=8,
        num_labels=5,
        layer_norm_eps=1e-6,
        hidden_act="gelu",
    )
    model = ViTForImageClassification(config)
    return model

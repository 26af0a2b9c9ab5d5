"""transformers' Swin transformer."""

import their  # noqa: F401
from transformers import SwinConfig, SwinForImageClassification


def make():
    config = SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=8,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=4,
        num_labels=5,
        drop_path_rate=0.0,
        layer_norm_eps=1e-5,
        hidden_act="gelu",
    )
    model = SwinForImageClassification(config)
    return model

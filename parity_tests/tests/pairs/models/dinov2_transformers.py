"""transformers' DINOv2."""

import their  # noqa: F401
from torch import nn
from transformers import Dinov2Config, Dinov2Model


class Pooled(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).pooler_output


def make():
    config = Dinov2Config(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        mlp_ratio=4,
        image_size=16,
        patch_size=8,
        hidden_act="gelu",
    )
    model = Dinov2Model(config)
    model.embeddings.mask_token.requires_grad_(False)
    return Pooled(model)

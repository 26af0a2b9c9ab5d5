"""transformers' ViT in Flax."""

import their  # noqa: F401
from flax import linen as nn
from transformers import ViTConfig
from transformers.models.vit.modeling_flax_vit import (
    FlaxViTForImageClassificationModule,
)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = ViTConfig(
            attention_probs_dropout_prob=0.0,
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
        model = FlaxViTForImageClassificationModule(config)
        out = model(x, deterministic=deterministic)
        return out[0]


def make():
    return Net()

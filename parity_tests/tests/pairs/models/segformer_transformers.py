"""transformers' MiT, the encoder of SegFormer, with keras-hub's GELU and norms."""

import their  # noqa: F401
from torch import nn
from transformers import SegformerConfig, SegformerModel


def make():
    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 12],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[4, 4],
        drop_path_rate=0.0,
        hidden_act="gelu_new",
    )
    model = SegformerModel(config)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6 if "layernorm_" in name else 1e-5
    return model

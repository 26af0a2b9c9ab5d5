"""transformers' Llama without its head."""

import their  # noqa: F401
from transformers import LlamaConfig, LlamaModel


def make():
    config = LlamaConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=20,
        vocab_size=19,
        max_position_embeddings=16,
        rms_norm_eps=1e-6,
        use_cache=False,
        hidden_act="silu",
        pad_token_id=None,
    )
    model = LlamaModel(config)
    return model

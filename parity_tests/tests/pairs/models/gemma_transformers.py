"""transformers' Gemma without its head."""

import their  # noqa: F401
from transformers import GemmaConfig, GemmaModel


def make():
    config = GemmaConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=4,
        intermediate_size=20,
        vocab_size=19,
        max_position_embeddings=16,
        use_cache=False,
        pad_token_id=None,
    )
    model = GemmaModel(config)
    return model

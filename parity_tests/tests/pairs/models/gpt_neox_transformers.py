"""transformers' GPT-NeoX without its head."""

import their  # noqa: F401
from transformers import GPTNeoXConfig, GPTNeoXModel


def make():
    config = GPTNeoXConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=20,
        vocab_size=19,
        max_position_embeddings=16,
        use_cache=False,
        rotary_pct=0.25,
        hidden_act="gelu_new",
        pad_token_id=None,
    )
    model = GPTNeoXModel(config)
    return model

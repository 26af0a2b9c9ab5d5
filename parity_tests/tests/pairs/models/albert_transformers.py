"""transformers' ALBERT, whose layers are one."""

import their  # noqa: F401
from transformers import AlbertConfig, AlbertModel


def make():
    config = AlbertConfig(
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        embedding_size=8,
        vocab_size=19,
        max_position_embeddings=10,
        hidden_act="gelu_new",
        pad_token_id=None,
    )
    model = AlbertModel(config)
    return model

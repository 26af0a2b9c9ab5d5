"""transformers' ELECTRA."""

import their  # noqa: F401
from transformers import ElectraConfig, ElectraModel


def make():
    config = ElectraConfig(
        attention_probs_dropout_prob=0.0,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        embedding_size=8,
        vocab_size=19,
        max_position_embeddings=10,
        hidden_act="gelu",
        pad_token_id=None,
    )
    model = ElectraModel(config)
    return model

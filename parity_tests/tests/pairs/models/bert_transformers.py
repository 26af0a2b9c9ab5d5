"""transformers' BERT."""

import their  # noqa: F401
from transformers import BertConfig, BertModel


def make():
    config = BertConfig(
        attention_probs_dropout_prob=0.0,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        vocab_size=19,
        max_position_embeddings=10,
        hidden_act="gelu",
        pad_token_id=None,
    )
    model = BertModel(config)
    return model

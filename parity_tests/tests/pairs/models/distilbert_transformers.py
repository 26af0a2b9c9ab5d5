"""transformers' DistilBERT."""

import their  # noqa: F401
from transformers import DistilBertConfig, DistilBertModel


def make():
    config = DistilBertConfig(
        dim=12,
        n_layers=2,
        n_heads=3,
        hidden_dim=20,
        vocab_size=19,
        max_position_embeddings=10,
        activation="gelu",
        pad_token_id=None,
    )
    model = DistilBertModel(config)
    return model

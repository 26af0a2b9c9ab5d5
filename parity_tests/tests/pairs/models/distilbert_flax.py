"""transformers' DistilBERT in Flax."""

import their  # noqa: F401
from flax import linen as nn
from jax import numpy as jnp
from transformers import DistilBertConfig
from transformers.models.distilbert.modeling_flax_distilbert import FlaxDistilBertModule


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = DistilBertConfig(
            dim=12,
            n_layers=2,
            n_heads=3,
            hidden_dim=20,
            vocab_size=19,
            max_position_embeddings=10,
            activation="gelu",
        )
        model = FlaxDistilBertModule(config)
        out = model(x, jnp.ones_like(x), deterministic=deterministic)
        return out[0]


def make():
    return Net()

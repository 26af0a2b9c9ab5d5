"""transformers' BERT in Flax."""

import their  # noqa: F401
from flax import linen as nn
from jax import numpy as jnp
from transformers import BertConfig
from transformers.models.bert.modeling_flax_bert import FlaxBertModule


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = BertConfig(
            attention_probs_dropout_prob=0.0,
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=20,
            vocab_size=19,
            max_position_embeddings=10,
            hidden_act="gelu",
        )
        model = FlaxBertModule(config)
        out = model(
            x,
            jnp.ones_like(x),
            jnp.zeros_like(x),
            jnp.arange(x.shape[1])[None],
            None,
            deterministic=deterministic,
        )
        return out


def make():
    return Net()

"""transformers' ELECTRA in Flax."""

import their  # noqa: F401
from flax import linen as nn
from jax import numpy as jnp
from transformers import ElectraConfig
from transformers.models.electra.modeling_flax_electra import FlaxElectraModule


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
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
        )
        model = FlaxElectraModule(config)
        out = model(
            x,
            jnp.ones_like(x),
            jnp.zeros_like(x),
            jnp.arange(x.shape[1])[None],
            None,
            deterministic=deterministic,
        )
        return out[0]


def make():
    return Net()

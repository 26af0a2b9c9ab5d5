"""transformers' Llama in Flax."""

import their  # noqa: F401
from flax import linen as nn
from jax import numpy as jnp
from transformers import LlamaConfig
from transformers.models.llama.modeling_flax_llama import FlaxLlamaModule


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = LlamaConfig(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=20,
            vocab_size=19,
            max_position_embeddings=16,
            rms_norm_eps=1e-6,
            hidden_act="silu",
        )
        model = FlaxLlamaModule(config)
        out = model(
            x,
            jnp.ones_like(x),
            jnp.arange(x.shape[1])[None],
            deterministic=deterministic,
        )
        return out[0]


def make():
    return Net()

"""transformers' GPT-2 in Flax."""

import their  # noqa: F401
from flax import linen as nn
from jax import numpy as jnp
from transformers import GPT2Config
from transformers.models.gpt2.modeling_flax_gpt2 import FlaxGPT2Module


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, deterministic=True):
        config = GPT2Config(
            attn_pdrop=0.0,
            n_embd=12,
            n_layer=2,
            n_head=3,
            vocab_size=19,
            n_positions=10,
            activation_function="gelu_new",
        )
        model = FlaxGPT2Module(config)
        out = model(
            x,
            jnp.ones_like(x),
            jnp.arange(x.shape[1])[None],
            deterministic=deterministic,
        )
        return out[0]


def make():
    return Net()

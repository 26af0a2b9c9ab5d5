"""transformers' GPT-2 with its head."""

import their  # noqa: F401
from transformers import GPT2Config, GPT2LMHeadModel


def make():
    return GPT2LMHeadModel(
        GPT2Config(
            n_embd=12,
            n_layer=2,
            n_head=3,
            vocab_size=17,
            n_positions=8,
            use_cache=False,
        )
    )

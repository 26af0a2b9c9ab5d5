"""transformers' GPT-2 without its head."""

import their  # noqa: F401
from transformers import GPT2Config, GPT2Model


def make():
    config = GPT2Config(
        n_embd=12,
        n_layer=2,
        n_head=3,
        vocab_size=19,
        n_positions=10,
        use_cache=False,
        activation_function="gelu_new",
    )
    model = GPT2Model(config)
    return model

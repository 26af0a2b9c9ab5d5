"""keras-hub's Mistral."""

from alone_hub import Alone
from keras_hub.models import MistralBackbone, MistralCausalLM


def make():
    model = MistralBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=2,
        hidden_dim=16,
        intermediate_dim=20,
        sliding_window=4,
    )
    return Alone(MistralCausalLM(backbone=model, preprocessor=None))

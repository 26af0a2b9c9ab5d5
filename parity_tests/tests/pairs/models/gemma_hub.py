"""keras-hub's Gemma."""

from alone_hub import Alone
from keras_hub.models import GemmaBackbone


def make():
    model = GemmaBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=2,
        hidden_dim=16,
        intermediate_dim=40,
        head_dim=4,
    )
    return Alone(model)

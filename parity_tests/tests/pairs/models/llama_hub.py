"""keras-hub's Llama."""

from alone_hub import Alone
from keras_hub.models import LlamaBackbone


def make():
    model = LlamaBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_query_heads=4,
        num_key_value_heads=2,
        hidden_dim=16,
        intermediate_dim=20,
        tie_word_embeddings=True,
    )
    return Alone(model)

"""keras-hub's GPT-NeoX."""

from alone_hub import Alone
from keras_hub.models import GPTNeoXBackbone


def make():
    model = GPTNeoXBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=20,
        max_sequence_length=16,
    )
    return Alone(model)

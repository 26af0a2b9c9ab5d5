"""keras-hub's GPT-2."""

from alone_hub import Alone
from keras_hub.models import GPT2Backbone


def make():
    model = GPT2Backbone(
        vocabulary_size=19,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        intermediate_dim=48,
        max_sequence_length=10,
    )
    return Alone(model)

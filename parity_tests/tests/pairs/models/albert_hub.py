"""keras-hub's ALBERT."""

from alone_hub import Alone
from keras_hub.models import AlbertBackbone


def make():
    model = AlbertBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        intermediate_dim=20,
        embedding_dim=8,
        max_sequence_length=10,
    )
    return Alone(model)

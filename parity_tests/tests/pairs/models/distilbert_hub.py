"""keras-hub's DistilBERT."""

from alone_hub import Alone
from keras_hub.models import DistilBertBackbone


def make():
    model = DistilBertBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        intermediate_dim=20,
        max_sequence_length=10,
    )
    return Alone(model)

"""keras-hub's BERT."""

from alone_hub import Alone
from keras_hub.models import BertBackbone


def make():
    model = BertBackbone(
        vocabulary_size=19,
        num_layers=2,
        num_heads=3,
        hidden_dim=12,
        intermediate_dim=20,
        max_sequence_length=10,
    )
    return Alone(model)

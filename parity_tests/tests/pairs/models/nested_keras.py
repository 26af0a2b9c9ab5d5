"""Outputs in a nest, with a tied table."""

import keras
from keras import layers, ops


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.tokens = layers.Embedding(9, 4)

    def call(self, ids):
        x = self.tokens(ids)
        table = ops.transpose(self.tokens.embeddings)
        return {"logits": x @ table, "states": x}


make = Net

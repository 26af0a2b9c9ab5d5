"""Embeddings: a vector for each token."""

from keras import layers


class Embedding(layers.Embedding):
    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.build()

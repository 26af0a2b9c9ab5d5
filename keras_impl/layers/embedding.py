"""Embeddings: a vector for each token."""

from typing import Any

from keras import layers

from keras_impl.layers.saved import Saved


class Embedding(Saved, layers.Embedding):
    def __init__(
        self, vocab_size: int, width: int, *, name: str | None = None, dtype: Any = None
    ):
        super().__init__(vocab_size, width, name=name, dtype=dtype)
        self.vocab_size, self.width = vocab_size, width
        self.build()

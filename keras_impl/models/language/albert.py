"""ALBERT in Keras 3, [B, T, width].

Spec, names, papers: shared/specs/language/albert.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    SpecModel,
    gelu_tanh,
    unit,
)
from keras_impl.models.language.bert import Pooler, SelfAttention, norm
from keras_impl.precision import exact
from shared.specs.language.albert import AlbertForMaskedLMSpec, AlbertSpec


def narrow_norm(spec: AlbertSpec) -> LayerNormalization:
    return LayerNormalization(spec.embedding_width, epsilon=spec.ln_eps)


class Embeddings(keras.Layer):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.word = Embedding(spec.vocab_size, spec.embedding_width)
        self.position = Embedding(spec.positions, spec.embedding_width)
        self.token_type = Embedding(spec.token_types, spec.embedding_width)
        self.norm = narrow_norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, tokens: KerasTensor, token_types: KerasTensor) -> KerasTensor:
        places = ops.arange(tokens.shape[1])
        x = self.word(tokens) + self.token_type(token_types) + self.position(places)
        return self.drop(self.norm(x))  # [B, T, embedding_width]


class MLP(keras.Layer):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.fc2 = Dense(spec.mlp_width, spec.width)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = gelu_tanh(self.fc1(x))  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(keras.Layer):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.attn = SelfAttention(spec)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)

    def call(self, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(keras.Layer):
    """Section 3.1: the same block again and again."""

    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.spec = spec
        self.embeddings = Embeddings(spec)
        self.widen = Dense(spec.embedding_width, spec.width)
        self.block = Block(spec)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, token_types: KerasTensor
    ) -> KerasTensor:
        x = self.widen(self.embeddings(tokens, token_types))
        for _ in range(self.spec.depth):
            x = self.block(x, mask)
        return x  # [B, T, width]


class WordHead(keras.Layer):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.bias = self.add_weight((spec.vocab_size,), "zeros", name="bias")
        self.dense = Dense(spec.width, spec.embedding_width)
        self.norm = narrow_norm(spec)

    def call(self, x: KerasTensor, word: Embedding) -> KerasTensor:
        x = self.norm(gelu_tanh(self.dense(x)))
        y = ops.matmul(x, ops.transpose(word.embeddings))
        return y + self.bias  # [B, T, vocab_size]


class Albert(SpecModel):
    def __init__(self, spec: AlbertSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.pooler = Pooler(spec)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, token_types: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        x = self.encoder(tokens, mask, token_types)
        return x, self.pooler(x)

    def embed(
        self, tokens: KerasTensor, mask: KerasTensor, token_types: KerasTensor
    ) -> KerasTensor:
        (x,) = exact((self.encoder(tokens, mask, token_types, training=False),))
        total = ops.sum(x * ops.cast(mask[..., None], x.dtype), 1)  # [B, width]
        return unit(total)


class AlbertForMaskedLM(SpecModel):
    def __init__(self, spec: AlbertForMaskedLMSpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.head = WordHead(spec)

    def call(
        self, tokens: KerasTensor, mask: KerasTensor, token_types: KerasTensor
    ) -> KerasTensor:
        x = self.encoder(tokens, mask, token_types)
        return self.head(x, word=self.encoder.embeddings.word)

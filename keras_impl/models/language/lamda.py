"""LaMDA in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/lamda.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Cache,
    Dropout,
    Embedding,
    Generates,
    SpecModel,
    relative_buckets,
    update_slice_in_dim,
)
from keras_impl.models.language.t5 import MLP, MultiHeadAttention, linear, norm
from keras_impl.precision import full
from shared.specs.language.lamda import UNSEEN, LaMDASpec


class SelfAttention(MultiHeadAttention):
    def follow(
        self, x: KerasTensor, cache: Cache, places: KerasTensor, bias: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        k, v = (
            update_slice_in_dim(kept, new, places[0], 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        y = self.attend_cached(self.heads(self.q(x)), k, v, bias)
        return self.project(y), (k, v)


class Block(keras.Layer):
    def __init__(self, spec: LaMDASpec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = SelfAttention(spec, causal=True)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, bias: KerasTensor) -> KerasTensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y), bias))
        return x + self.drop(self.mlp(self.norm2(x)))

    def extend(
        self, x: KerasTensor, cache: Cache, places: KerasTensor, bias: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        y, cache = self.attn.follow(self.norm1(x), cache, places, bias)
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm2(x))), cache


class LaMDA(Generates, SpecModel):
    def __init__(self, spec: LaMDASpec):
        super().__init__(spec)
        self.embedding = Embedding(spec.vocab_size, spec.width)
        self.relative = Embedding(spec.bucket_count, spec.heads)
        self.blocks = [Block(spec) for _ in range(spec.depth)]
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)
        self.lm_head = linear(spec.width, spec.vocab_size)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        places = ops.arange(tokens.shape[1], dtype="int32")
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        bias = self.bias(places, places)
        for block in self.blocks:
            x = block(x, bias)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.blocks]

    def extend(
        self, tokens: KerasTensor, cache: list[Cache], places: KerasTensor
    ) -> tuple[KerasTensor, list[Cache]]:
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        every = ops.arange(cache[0][0].shape[2], dtype="int32")
        future = ops.cast(every > places[:, None], x.dtype)
        bias = self.bias(places, every) + UNSEEN * future
        grown = []
        for block, own in zip(self.blocks, cache, strict=True):
            x, own = block.extend(x, own, places, bias)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def bias(self, queries: KerasTensor, keys: KerasTensor) -> KerasTensor:
        starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return ops.transpose(self.relative(buckets), (2, 0, 1))  # [heads, T, T of keys]

    def head(self, x: KerasTensor) -> KerasTensor:
        return full(self.lm_head(self.drop(self.norm(x))))  # [B, T, vocab_size]

"""T5 in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/t5.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Dropout,
    Embedding,
    RMSNormalization,
    SpecModel,
    Translates,
    gelu_tanh,
    relative_buckets,
    update_slice_in_dim,
)
from keras_impl.precision import full
from shared.specs.language.t5 import UNSEEN, T5Spec
from shared.specs.relative import Relative

Cache = tuple[KerasTensor, KerasTensor]  # keys and values, [B, heads, T, head_width]


def linear(c_in: int, c_out: int) -> Dense:
    return Dense(c_in, c_out, use_bias=False)


def norm(spec: Relative) -> RMSNormalization:
    return RMSNormalization(spec.width, spec.rms_eps)


def unseen(mask: KerasTensor, dtype: str) -> KerasTensor:
    return UNSEEN * (1 - ops.cast(mask[:, None, None], dtype))  # [B, 1, 1, T]


class MultiHeadAttention(keras.Layer):
    def __init__(self, spec: Relative, causal: bool):
        super().__init__()
        self.spec = spec
        self.q = linear(spec.width, spec.inner_width)
        self.k = linear(spec.width, spec.inner_width)
        self.v = linear(spec.width, spec.inner_width)
        self.attend = Attention(spec.dropout, causal, scaled=False)
        self.attend_cached = Attention(spec.dropout, causal=False, scaled=False)
        self.o = linear(spec.inner_width, spec.width)

    def call(self, x: KerasTensor, seen: Cache, bias: KerasTensor) -> KerasTensor:
        return self.project(self.attend(self.heads(self.q(x)), *seen, bias))

    def extend(
        self, x: KerasTensor, cache: Cache, place: KerasTensor, bias: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        """The same of a further token: it sees what is in the cache, itself too."""
        k, v = (
            update_slice_in_dim(kept, new, place, 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        y = self.attend_cached(self.heads(self.q(x)), k, v, bias)
        return self.project(y), (k, v)

    def read(self, x: KerasTensor, mask: KerasTensor | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * ops.cast(mask[:, None, :, None], v.dtype)

    def heads(self, x: KerasTensor) -> KerasTensor:
        s = self.spec
        x = ops.reshape(x, (-1, x.shape[1], s.heads, s.head_width))
        return ops.swapaxes(x, 1, 2)  # [B, heads, T, head_width]

    def project(self, y: KerasTensor) -> KerasTensor:
        y = ops.swapaxes(y, 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, y.shape[1], self.spec.inner_width))
        return self.o(y)  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: Relative):
        super().__init__()
        self.spec = spec
        if spec.gated:
            self.wi_0 = linear(spec.width, spec.mlp_width)
            self.wi_1 = linear(spec.width, spec.mlp_width)
        else:
            self.wi = linear(spec.width, spec.mlp_width)
        self.drop = Dropout(spec.dropout)
        self.wo = linear(spec.mlp_width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        if self.spec.gated:
            x = gelu_tanh(self.wi_0(x)) * self.wi_1(x)
        else:
            x = ops.relu(self.wi(x))
        return self.wo(self.drop(x))  # [B, T, width]


class EncoderBlock(keras.Layer):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, mask: KerasTensor, bias: KerasTensor) -> KerasTensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y, mask), bias))
        return x + self.drop(self.mlp(self.norm2(x)))


class DecoderBlock(keras.Layer):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = MultiHeadAttention(spec, causal=True)
        self.norm2 = norm(spec)
        self.cross = MultiHeadAttention(spec, causal=False)
        self.norm3 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def call(
        self, x: KerasTensor, bias: KerasTensor, seen: Cache, mask: KerasTensor
    ) -> KerasTensor:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y), bias), seen, mask)

    def extend(
        self,
        x: KerasTensor,
        cache: Cache,
        place: KerasTensor,
        bias: KerasTensor,
        seen: Cache,
        mask: KerasTensor,
    ) -> tuple[KerasTensor, Cache]:
        y, cache = self.attn.extend(self.norm1(x), cache, place, bias)
        return self.look(x, y, seen, mask), cache

    def look(
        self, x: KerasTensor, y: KerasTensor, seen: Cache, mask: KerasTensor
    ) -> KerasTensor:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        y = self.cross(self.norm2(x), seen, unseen(mask, x.dtype))
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm3(x)))


class Encoder(keras.Layer):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.spec = spec
        self.relative = Embedding(spec.bucket_count, spec.heads)
        self.blocks = [EncoderBlock(spec) for _ in range(spec.depth)]
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
        places = ops.arange(x.shape[1], dtype="int32")
        bias = self.bias(places) + unseen(mask, x.dtype)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, mask, bias)
        return self.drop(self.norm(x))  # [B, T, width]

    def bias(self, places: KerasTensor) -> KerasTensor:
        starts, _ = self.spec.starts_of_buckets
        buckets = relative_buckets(places, places, starts, both=True)
        return ops.transpose(self.relative(buckets), (2, 0, 1))  # [heads, T, T]


class Decoder(keras.Layer):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.spec = spec
        self.relative = Embedding(spec.bucket_count, spec.heads)
        self.blocks = [DecoderBlock(spec) for _ in range(spec.depth)]
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, seen: list[Cache], mask: KerasTensor) -> KerasTensor:
        places = ops.arange(x.shape[1], dtype="int32")
        bias = self.bias(places, places)
        x = self.drop(x)
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, bias, pair, mask)
        return self.drop(self.norm(x))  # [B, T, width]

    def extend(
        self,
        x: KerasTensor,
        cache: list[Cache],
        place: KerasTensor,
        seen: list[Cache],
        mask: KerasTensor,
    ) -> tuple[KerasTensor, list[Cache]]:
        every = ops.arange(cache[0][0].shape[2], dtype="int32")
        past = (every <= place)[None]
        bias = self.bias(place[None], every) + unseen(past, x.dtype)
        grown = []
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x, own = block.extend(x, own, place, bias, pair, mask)
            grown.append(own)
        return self.norm(x), grown

    def read(self, memory: KerasTensor, mask: KerasTensor) -> list[Cache]:
        return [block.cross.read(memory, mask) for block in self.blocks]

    def bias(self, queries: KerasTensor, keys: KerasTensor) -> KerasTensor:
        _, starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return ops.transpose(self.relative(buckets), (2, 0, 1))  # [heads, T, T of keys]


class T5(Translates, SpecModel):
    def __init__(self, spec: T5Spec):
        super().__init__(spec)
        self.embedding = Embedding(spec.vocab_size, spec.width)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size)

    def call(
        self, source: KerasTensor, mask: KerasTensor, target: KerasTensor
    ) -> KerasTensor:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: KerasTensor, mask: KerasTensor) -> KerasTensor:
        return self.encoder(self.embedding(source), mask)  # [B, T, width]

    def read(self, source: KerasTensor, mask: KerasTensor) -> list[Cache]:
        """What each block of the decoder sees of a source."""
        return self.decoder.read(self.encode(source, mask), mask)

    def decode(
        self, target: KerasTensor, seen: list[Cache], mask: KerasTensor
    ) -> KerasTensor:
        return self.head(self.decoder(self.embedding(target), seen, mask))

    def head(self, x: KerasTensor) -> KerasTensor:
        if self.spec.tied:
            head = ops.cast(ops.transpose(self.embedding.embeddings), x.dtype)
            return full(ops.matmul(x * self.spec.scale, head))
        return full(self.lm_head(x))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.decoder.blocks]

    def extend(
        self,
        token: KerasTensor,
        cache: list[Cache],
        place: KerasTensor,
        seen: list[Cache],
        mask: KerasTensor,
    ) -> tuple[KerasTensor, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        x = self.embedding(token)
        x, cache = self.decoder.extend(x, cache, place, seen, mask)
        return self.head(x[:, 0]), cache

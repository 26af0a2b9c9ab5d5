"""The Transformer in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/transformer.py.
"""

import keras
from keras import KerasTensor, config, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    SpecModel,
    Translates,
    update_slice_in_dim,
)
from keras_impl.precision import full
from shared.specs.language.transformer import UNSEEN, TransformerSpec

Cache = tuple[KerasTensor, KerasTensor]  # keys and values, [B, heads, T, head_width]


def norm(spec: TransformerSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, epsilon=spec.ln_eps)


def sinusoids(places: KerasTensor, width: int) -> KerasTensor:
    """Section 3.5: sin(place / 10000^(i / width)) at even i, then its cosine."""
    even = ops.arange(0, width, 2, dtype=config.floatx())
    angles = ops.cast(places, even.dtype)[:, None] / 10000 ** (even / width)
    pairs = ops.stack([ops.sin(angles), ops.cos(angles)], -1)
    return ops.reshape(pairs, (-1, width))  # [T, width]


class MultiHeadAttention(keras.Layer):
    """Section 3.2.2: queries of one sequence, keys and values of one, or another."""

    def __init__(self, spec: TransformerSpec, causal: bool):
        super().__init__()
        self.spec = spec
        self.q = Dense(spec.width, spec.width, use_bias=spec.bias)
        self.k = Dense(spec.width, spec.width, use_bias=spec.key_bias)
        self.v = Dense(spec.width, spec.width, use_bias=spec.bias)
        self.attend = Attention(0.0, causal)
        self.attend_cached = Attention(0.0, causal=False)
        self.proj = Dense(spec.width, spec.width, use_bias=spec.bias)

    def call(
        self, x: KerasTensor, seen: Cache, mask: KerasTensor | None = None
    ) -> KerasTensor:
        q = self.heads(self.q(x))
        bias = None if mask is None else self.unseen(mask, q)
        return self.project(self.attend(q, *seen, bias))

    def extend(
        self, x: KerasTensor, cache: Cache, place: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        """The same of a further token: it sees what is in the cache, itself too."""
        q = self.heads(self.q(x))
        k, v = (
            update_slice_in_dim(kept, new, place, 2)
            for kept, new in zip(cache, self.read(x), strict=True)
        )
        past = ops.arange(k.shape[2], dtype="int32") <= place
        bias = self.unseen(past[None], q)
        return self.project(self.attend_cached(q, k, v, bias)), (k, v)

    def read(self, x: KerasTensor, mask: KerasTensor | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * ops.cast(mask[:, None, :, None], v.dtype)

    def unseen(self, mask: KerasTensor, q: KerasTensor) -> KerasTensor:
        return UNSEEN * (1 - ops.cast(mask[:, None, None], q.dtype))  # [B, 1, 1, T]

    def heads(self, x: KerasTensor) -> KerasTensor:
        s = self.spec
        x = ops.reshape(x, (-1, x.shape[1], s.heads, s.head_width))
        return ops.swapaxes(x, 1, 2)  # [B, heads, T, head_width]

    def project(self, y: KerasTensor) -> KerasTensor:
        y = ops.swapaxes(y, 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, y.shape[1], self.spec.width))
        return self.proj(y)  # [B, T, width]


class MLP(keras.Layer):
    """Equation 2."""

    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.fc2 = Dense(spec.mlp_width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.fc2(ops.relu(self.fc1(x)))  # [B, T, width]


class EncoderLayer(keras.Layer):
    """Figure 1, left."""

    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
        y = self.attn(x, self.attn.read(x, mask), mask)
        x = self.norm1(x + self.drop(y))
        return self.norm2(x + self.drop(self.mlp(x)))


class DecoderLayer(keras.Layer):
    """Figure 1, right."""

    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=True)
        self.norm1 = norm(spec)
        self.cross = MultiHeadAttention(spec, causal=False)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.norm3 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor, seen: Cache, mask: KerasTensor) -> KerasTensor:
        return self.look(x, self.attn(x, self.attn.read(x)), seen, mask)

    def extend(
        self,
        x: KerasTensor,
        cache: Cache,
        place: KerasTensor,
        seen: Cache,
        mask: KerasTensor,
    ) -> tuple[KerasTensor, Cache]:
        y, cache = self.attn.extend(x, cache, place)
        return self.look(x, y, seen, mask), cache

    def look(
        self, x: KerasTensor, y: KerasTensor, seen: Cache, mask: KerasTensor
    ) -> KerasTensor:
        """From what its own attention gave on."""
        x = self.norm1(x + self.drop(y))
        x = self.norm2(x + self.drop(self.cross(x, seen, mask)))
        return self.norm3(x + self.drop(self.mlp(x)))


class Transformer(Translates, SpecModel):
    def __init__(self, spec: TransformerSpec):
        super().__init__(spec)
        self.embedding = Embedding(spec.vocab_size, spec.width)
        self.drop = Dropout(spec.dropout)
        self.encoder = [EncoderLayer(spec) for _ in range(spec.depth)]
        self.decoder = [DecoderLayer(spec) for _ in range(spec.depth)]

    def call(
        self, source: KerasTensor, mask: KerasTensor, target: KerasTensor
    ) -> KerasTensor:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: KerasTensor, mask: KerasTensor) -> KerasTensor:
        x = self.embedded(source, ops.arange(source.shape[1]))
        for layer in self.encoder:
            x = layer(x, mask)
        return x  # [B, T, width]

    def read(self, source: KerasTensor, mask: KerasTensor) -> list[Cache]:
        """What each layer of the decoder sees of a source."""
        memory = self.encode(source, mask)
        return [layer.cross.read(memory, mask) for layer in self.decoder]

    def decode(
        self, target: KerasTensor, seen: list[Cache], mask: KerasTensor
    ) -> KerasTensor:
        x = self.embedded(target, ops.arange(target.shape[1]))
        for layer, pair in zip(self.decoder, seen, strict=True):
            x = layer(x, pair, mask)
        return self.head(x)

    def embedded(self, tokens: KerasTensor, places: KerasTensor) -> KerasTensor:
        x = self.embedding(tokens) * self.spec.scale  # [B, T, width]
        return self.drop(x + ops.cast(sinusoids(places, self.spec.width), x.dtype))

    def head(self, x: KerasTensor) -> KerasTensor:
        head = ops.cast(ops.transpose(self.embedding.embeddings), x.dtype)
        return full(ops.matmul(x, head))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.decoder]

    def extend(
        self,
        token: KerasTensor,
        cache: list[Cache],
        place: KerasTensor,
        seen: list[Cache],
        mask: KerasTensor,
    ) -> tuple[KerasTensor, list[Cache]]:
        """The logits after a further token, which joins the cache."""
        x = self.embedded(token, place[None])
        grown = []
        for layer, own, pair in zip(self.decoder, cache, seen, strict=True):
            x, own = layer.extend(x, own, place, pair, mask)
            grown.append(own)
        return self.head(x[:, 0]), grown

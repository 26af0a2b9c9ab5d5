"""GPT-2 in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import math

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Attention,
    Cache,
    Dense,
    Dropout,
    Embedding,
    Generates,
    LayerNormalization,
    SpecModel,
    gelu_tanh,
    update_slice_in_dim,
)
from keras_impl.precision import full
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, spec.ln_eps, use_bias=spec.bias)


class SelfAttention(keras.Layer):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.spec = spec
        self.c_attn = Dense(spec.width, spec.qkv_width, use_bias=spec.bias)
        self.attend = Attention(spec.dropout, causal=True)
        self.attend_cached = Attention(0.0, causal=False)
        self.c_proj = Dense(spec.width, spec.width, use_bias=spec.bias)
        self.resid_dropout = Dropout(spec.dropout)

    def call(self, x: KerasTensor, far: KerasTensor | None) -> KerasTensor:
        q, k, v = self.qkv(x)
        return self.project(self.attend(q, k, v, far))

    def extend(
        self, x: KerasTensor, cache: Cache, places: KerasTensor, mask: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x)
        keys, values = cache
        keys = update_slice_in_dim(keys, k, places[0], 2)
        values = update_slice_in_dim(values, v, places[0], 2)
        return self.project(self.attend_cached(q, keys, values, mask)), (keys, values)

    def qkv(self, x: KerasTensor) -> tuple[KerasTensor, ...]:
        s, tokens = self.spec, x.shape[1]
        qkv = ops.reshape(self.c_attn(x), (-1, tokens, 3, s.heads, s.head_width))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        return tuple(ops.unstack(qkv, 3))  # [B, heads, T, head_width] each

    def project(self, y: KerasTensor) -> KerasTensor:
        y = ops.swapaxes(y, 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, y.shape[1], self.spec.width))
        return self.resid_dropout(self.c_proj(y))  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.c_fc = Dense(spec.width, spec.inner_width, use_bias=spec.bias)
        self.c_proj = Dense(spec.inner_width, spec.width, use_bias=spec.bias)
        self.dropout = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = gelu_tanh(self.c_fc(x))  # [B, T, 4 * width]
        return self.dropout(self.c_proj(x))


class Block(keras.Layer):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.ln_1 = norm(spec)
        self.attn = SelfAttention(spec)
        self.ln_2 = norm(spec)
        self.mlp = MLP(spec)

    def call(self, x: KerasTensor, far: KerasTensor | None) -> KerasTensor:
        x = x + self.attn(self.ln_1(x), far)
        return x + self.mlp(self.ln_2(x))

    def extend(
        self, x: KerasTensor, cache: Cache, places: KerasTensor, mask: KerasTensor
    ) -> tuple[KerasTensor, Cache]:
        y, cache = self.attn.extend(self.ln_1(x), cache, places, mask)
        x = x + y
        return x + self.mlp(self.ln_2(x)), cache


class GPT(Generates, SpecModel):
    def __init__(self, spec: GPTSpec):
        super().__init__(spec)
        self.wte = Embedding(spec.vocab_size, spec.width)
        self.wpe = Embedding(spec.positions, spec.width)
        self.drop = Dropout(spec.dropout)
        self.h = [Block(spec) for _ in range(spec.depth)]
        self.ln_f = norm(spec)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        places = ops.arange(tokens.shape[1], dtype="int32")
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        far = None if self.spec.band is None else self.beyond(places, places)
        for block, banded in zip(self.h, self.spec.banded, strict=True):
            x = block(x, far if banded else None)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Make room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.h]

    def extend(
        self, tokens: KerasTensor, cache: list[Cache], places: KerasTensor
    ) -> tuple[KerasTensor, list[Cache]]:
        """The logits after the last of further tokens, which join the cache."""
        x = self.wte(tokens) + self.wpe(places)  # [B, T, width]
        every = ops.arange(cache[0][0].shape[2], dtype="int32")
        mask = near = _forbidden(every > places[:, None], self.compute_dtype)
        if self.spec.band is not None:
            near = mask + self.beyond(every, places)
        grown = []
        for block, own, banded in zip(self.h, cache, self.spec.banded, strict=True):
            x, own = block.extend(x, own, places, near if banded else mask)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def beyond(self, every: KerasTensor, places: KerasTensor) -> KerasTensor:
        """Hide what is further back than the band reaches. [T, T of all]"""
        unseen = every <= places[:, None] - self.spec.band
        return _forbidden(unseen, self.compute_dtype)

    def head(self, x: KerasTensor) -> KerasTensor:
        x = self.ln_f(x)
        head = ops.cast(ops.transpose(self.wte.embeddings), x.dtype)
        return full(ops.matmul(x, head))  # [B, T, vocab_size]


def _forbidden(where: KerasTensor, dtype: str) -> KerasTensor:
    return ops.cast(ops.where(where, -math.inf, 0.0), dtype)

"""LLaMA in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/llama.py.
"""

import math
from typing import ClassVar

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Attention,
    Cache,
    Dense,
    Embedding,
    Generates,
    RMSNormalization,
    SpecModel,
    Turn,
    rotate,
    turn,
    update_slice_in_dim,
)
from keras_impl.precision import full
from shared.specs.language.llama import RotaryDecoderSpec


def linear(c_in: int, c_out: int) -> Dense:
    return Dense(c_in, c_out, use_bias=False)


class SelfAttention(keras.Layer):
    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__(autocast=False)  # DIFF(bfloat16): angles stay exact
        self.spec = spec
        self.q_proj = linear(spec.width, spec.width)
        self.k_proj = linear(spec.width, spec.kv_width)
        self.v_proj = linear(spec.width, spec.kv_width)
        self.attend = Attention(0.0, causal=True)
        self.attend_cached = Attention(0.0, causal=False)
        self.o_proj = linear(spec.width, spec.width)

    def call(self, x: KerasTensor, by: Turn, far: KerasTensor | None) -> KerasTensor:
        q, k, v = self.qkv(x, by)
        return self.project(self.attend(q, self.shared(k), self.shared(v), far))

    def extend(
        self,
        x: KerasTensor,
        by: Turn,
        cache: Cache,
        places: KerasTensor,
        mask: KerasTensor,
    ) -> tuple[KerasTensor, Cache]:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x, by)
        keys, values = cache
        keys = update_slice_in_dim(keys, k, places[0], 2)
        values = update_slice_in_dim(values, v, places[0], 2)
        cache = keys, values
        keys, values = self.shared(keys), self.shared(values)
        return self.project(self.attend_cached(q, keys, values, mask)), cache

    def qkv(self, x: KerasTensor, by: Turn) -> tuple[KerasTensor, ...]:
        s = self.spec
        q = self.split(self.q_proj(x), s.heads)  # [B, heads, T, head_width]
        k = self.split(self.k_proj(x), s.kv_heads)  # [B, kv_heads, T, head_width]
        v = self.split(self.v_proj(x), s.kv_heads)
        interleaved = s.rotary == "interleaved"
        return rotate(q, by, interleaved), rotate(k, by, interleaved), v

    def split(self, x: KerasTensor, heads: int) -> KerasTensor:
        x = ops.reshape(x, (-1, x.shape[1], heads, self.spec.head_width))
        return ops.swapaxes(x, 1, 2)

    def shared(self, x: KerasTensor) -> KerasTensor:
        """Repeat keys or values for each head of queries."""
        return ops.repeat(x, self.spec.group, 1)  # [B, heads, T, head_width]

    def project(self, y: KerasTensor) -> KerasTensor:
        y = ops.swapaxes(y, 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, y.shape[1], self.spec.width))
        return self.o_proj(y)  # [B, T, width]


class MLP(keras.Layer):
    """SwiGLU."""

    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__()
        self.gate_proj = linear(spec.width, spec.mlp_width)
        self.up_proj = linear(spec.width, spec.mlp_width)
        self.down_proj = linear(spec.mlp_width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.down_proj(ops.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(keras.Layer):
    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__(autocast=False)  # DIFF(bfloat16): angles stay exact
        self.input_layernorm = RMSNormalization(spec.width, spec.rms_eps)
        self.self_attn = SelfAttention(spec)
        self.post_attention_layernorm = RMSNormalization(spec.width, spec.rms_eps)
        self.mlp = MLP(spec)

    def call(self, x: KerasTensor, by: Turn, far: KerasTensor | None) -> KerasTensor:
        x = x + self.self_attn(self.input_layernorm(x), by, far)
        return x + self.mlp(self.post_attention_layernorm(x))

    def extend(
        self,
        x: KerasTensor,
        by: Turn,
        cache: Cache,
        places: KerasTensor,
        mask: KerasTensor,
    ) -> tuple[KerasTensor, Cache]:
        y = self.input_layernorm(x)
        y, cache = self.self_attn.extend(y, by, cache, places, mask)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), cache


class Llama(Generates, SpecModel):
    block: ClassVar[type[keras.Layer]] = Block

    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__(spec)
        self.embed_tokens = Embedding(spec.vocab_size, spec.width)
        self.blocks = [self.block(spec) for _ in range(spec.depth)]
        self.norm = RMSNormalization(spec.width, spec.rms_eps)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        places = ops.arange(tokens.shape[1], dtype="int32")
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        far = None if self.spec.window is None else self.beyond(places, places)
        for block in self.blocks:
            x = block(x, by, far)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.kv_heads, length, self.spec.head_width
        empty = ops.zeros(shape, self.compute_dtype)
        return [(empty, empty) for _ in self.blocks]

    def extend(
        self, tokens: KerasTensor, cache: list[Cache], places: KerasTensor
    ) -> tuple[KerasTensor, list[Cache]]:
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        every = ops.arange(cache[0][0].shape[2], dtype="int32")
        mask = _forbidden(every > places[:, None], self.compute_dtype)
        if self.spec.window is not None:
            mask = mask + self.beyond(every, places)
        grown = []
        for block, own in zip(self.blocks, cache, strict=True):
            x, own = block.extend(x, by, own, places, mask)
            grown.append(own)
        return self.head(x[:, -1]), grown

    def beyond(self, every: KerasTensor, places: KerasTensor) -> KerasTensor:
        """Hide what is further back than the window reaches. [T, T of all]"""
        unseen = every <= places[:, None] - self.spec.window
        return _forbidden(unseen, self.compute_dtype)

    def head(self, x: KerasTensor) -> KerasTensor:
        x = self.norm(x)
        if self.spec.tied:
            head = ops.cast(ops.transpose(self.embed_tokens.embeddings), x.dtype)
            return full(ops.matmul(x, head))
        return full(self.lm_head(x))  # [B, T, vocab_size]


def _forbidden(where: KerasTensor, dtype: str) -> KerasTensor:
    return ops.cast(ops.where(where, -math.inf, 0.0), dtype)

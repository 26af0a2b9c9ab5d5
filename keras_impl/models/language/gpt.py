"""GPT-2 in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Dropout,
    Embedding,
    LayerNormalization,
    SpecModel,
    gelu_tanh,
)
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, epsilon=spec.ln_eps)


class SelfAttention(keras.Layer):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.spec = spec
        self.c_attn = Dense(spec.width, spec.qkv_width)
        self.attend = Attention(spec.dropout, causal=True)
        self.c_proj = Dense(spec.width, spec.width)
        self.resid_dropout = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        s, tokens = self.spec, x.shape[1]
        qkv = ops.reshape(self.c_attn(x), (-1, tokens, 3, s.heads, s.head_width))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 3)  # [B, heads, T, head_width] each
        y = ops.swapaxes(self.attend(q, k, v), 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, tokens, s.width))
        return self.resid_dropout(self.c_proj(y))  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.c_fc = Dense(spec.width, spec.inner_width)
        self.c_proj = Dense(spec.inner_width, spec.width)
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

    def call(self, x: KerasTensor) -> KerasTensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(SpecModel):
    def __init__(self, spec: GPTSpec):
        super().__init__(spec)
        self.wte = Embedding(spec.vocab_size, spec.width)
        self.wpe = Embedding(spec.positions, spec.width)
        self.drop = Dropout(spec.dropout)
        self.h = [Block(spec) for _ in range(spec.depth)]
        self.ln_f = norm(spec)

    def call(self, tokens: KerasTensor) -> KerasTensor:
        places = ops.arange(tokens.shape[1])
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        for block in self.h:
            x = block(x)
        head = ops.transpose(self.wte.embeddings)
        return ops.matmul(self.ln_f(x), head)  # [B, T, vocab_size]

"""GPT-2 in NumPy, [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import TanhGELU
from shared.reference.layers.attention import Attention
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.embedding import Embedding, Unembedding
from shared.reference.layers.generation import Generates
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import LayerNorm
from shared.reference.module import Chain, Module
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec) -> LayerNorm:
    return LayerNorm(spec.width, spec.ln_eps, spec.bias)


class SelfAttention(Module):
    def __init__(self, spec: GPTSpec, banded: bool):
        self.spec = spec
        self.c_attn = Linear(spec.width, spec.qkv_width, spec.bias)
        band = spec.band if banded else None
        self.attend = Attention(spec.dropout, causal=True, band=band)
        self.c_proj = Linear(spec.width, spec.width, spec.bias)
        self.resid_dropout = Dropout(spec.dropout)

    def forward(self, x: Array) -> Array:
        s, tokens = self.spec, x.shape[1]
        qkv = self.c_attn(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.resid_dropout(self.c_proj(y.reshape(x.shape)))  # [B, T, width]

    def backward(self, g: Array) -> Array:
        s, (batch, tokens, _) = self.spec, g.shape
        g = self.c_proj.backward(self.resid_dropout.backward(g))
        g = g.reshape(batch, tokens, s.heads, s.head_width).swapaxes(1, 2)
        of_qkv = np.stack(self.attend.backward(g)).transpose(1, 3, 0, 2, 4)
        return self.c_attn.backward(of_qkv.reshape(batch, tokens, s.qkv_width))


class MLP(Module):
    def __init__(self, spec: GPTSpec):
        self.c_fc = Linear(spec.width, spec.inner_width, spec.bias)
        self.c_proj = Linear(spec.inner_width, spec.width, spec.bias)
        self.dropout = Dropout(spec.dropout)
        self.steps = Chain(
            self.c_fc,
            TanhGELU(),  # [B, T, 4 * width]
            self.c_proj,
            self.dropout,
        )

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)


class Block(Module):
    def __init__(self, spec: GPTSpec, banded: bool):
        self.ln_1 = norm(spec)
        self.attn = SelfAttention(spec, banded)
        self.ln_2 = norm(spec)
        self.mlp = MLP(spec)

    def forward(self, x: Array) -> Array:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))

    def backward(self, g: Array) -> Array:
        """Through a sum the gradient goes to both of its terms."""
        g = g + self.ln_2.backward(self.mlp.backward(g))
        return g + self.ln_1.backward(self.attn.backward(g))


class GPT(Generates, Module):
    def __init__(self, spec: GPTSpec):
        self.spec = spec
        self.wte = Embedding(spec.vocab_size, spec.width)
        self.wpe = Embedding(spec.positions, spec.width)
        self.drop = Dropout(spec.dropout)
        self.h = [Block(spec, banded) for banded in spec.banded]
        self.ln_f = norm(spec)
        self.head = Unembedding(self.wte.weight)

    def forward(self, tokens: Array) -> Array:
        places = np.arange(tokens.shape[1])
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))  # [B, T, vocab_size]

    def backward(self, g: Array) -> None:
        g = self.ln_f.backward(self.head.backward(g))
        for block in reversed(self.h):
            g = block.backward(g)
        g = self.drop.backward(g)
        self.wte.backward(g)
        self.wpe.backward(g.sum(0))

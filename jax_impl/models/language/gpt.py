"""GPT-2 in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Attention, Dropout, Embed, LayerNorm, Linear
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, epsilon=spec.ln_eps, rngs=rngs)


class SelfAttention(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.c_attn = Linear(spec.width, spec.qkv_width, rngs=rngs)
        self.attend = Attention(spec.dropout, causal=True, rngs=rngs)
        self.c_proj = Linear(spec.width, spec.width, rngs=rngs)
        self.resid_dropout = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        s, tokens = self.spec, x.shape[1]
        qkv = self.c_attn(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.resid_dropout(self.c_proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.c_fc = Linear(spec.width, spec.inner_width, rngs=rngs)
        self.c_proj = Linear(spec.inner_width, spec.width, rngs=rngs)
        self.dropout = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.gelu(self.c_fc(x), approximate=True)  # [B, T, 4 * width]
        return self.dropout(self.c_proj(x))


class Block(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.ln_1 = norm(spec, rngs=rngs)
        self.attn = SelfAttention(spec, rngs=rngs)
        self.ln_2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nnx.Module):
    def __init__(self, spec: GPTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.wte = Embed(spec.vocab_size, spec.width, rngs=rngs)
        self.wpe = Embed(spec.positions, spec.width, rngs=rngs)
        self.drop = Dropout(spec.dropout, rngs=rngs)
        self.h = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.depth))
        self.ln_f = norm(spec, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        places = jnp.arange(tokens.shape[1])
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        for block in self.h:
            x = block(x)
        return self.wte.attend(self.ln_f(x))  # [B, T, vocab_size]

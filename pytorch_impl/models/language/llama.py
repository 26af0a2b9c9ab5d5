"""LLaMA in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/llama.py.
"""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Attention,
    Cache,
    Generates,
    RMSNorm,
    Turn,
    rotate,
    turn,
)
from pytorch_impl.precision import full
from shared.specs.language.llama import RotaryDecoderSpec


def linear(c_in: int, c_out: int) -> nn.Linear:
    return nn.Linear(c_in, c_out, bias=False)


class SelfAttention(nn.Module):
    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__()
        self.spec = spec
        self.q_proj = linear(spec.width, spec.width)
        self.k_proj = linear(spec.width, spec.kv_width)
        self.v_proj = linear(spec.width, spec.kv_width)
        self.attend = Attention(0.0, causal=True)
        self.attend_cached = Attention(0.0, causal=False)
        self.o_proj = linear(spec.width, spec.width)

    def forward(self, x: Tensor, by: Turn, far: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x, by)
        return self.project(self.attend(q, self.shared(k), self.shared(v), far))

    def extend(
        self, x: Tensor, by: Turn, cache: Cache, places: Tensor, mask: Tensor
    ) -> Tensor:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x, by)
        keys, values = cache
        keys.index_copy_(2, places, k.to(keys.dtype))
        values.index_copy_(2, places, v.to(values.dtype))
        keys, values = self.shared(keys), self.shared(values)
        return self.project(self.attend_cached(q, keys, values, mask))

    def qkv(self, x: Tensor, by: Turn) -> tuple[Tensor, ...]:
        s = self.spec
        q = self.split(self.q_proj(x), s.heads)  # [B, heads, T, head_width]
        k = self.split(self.k_proj(x), s.kv_heads)  # [B, kv_heads, T, head_width]
        v = self.split(self.v_proj(x), s.kv_heads)
        interleaved = s.rotary == "interleaved"
        return rotate(q, by, interleaved), rotate(k, by, interleaved), v

    def split(self, x: Tensor, heads: int) -> Tensor:
        x = x.reshape(-1, x.shape[1], heads, self.spec.head_width)
        return x.transpose(1, 2)

    def shared(self, x: Tensor) -> Tensor:
        """Repeat keys or values for each head of queries."""
        return x.repeat_interleave(self.spec.group, 1)  # [B, heads, T, head_width]

    def project(self, y: Tensor) -> Tensor:
        return self.o_proj(y.transpose(1, 2).flatten(2))  # [B, T, width]


class MLP(nn.Module):
    """SwiGLU."""

    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__()
        self.gate_proj = linear(spec.width, spec.mlp_width)
        self.up_proj = linear(spec.width, spec.mlp_width)
        self.down_proj = linear(spec.mlp_width, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__()
        self.input_layernorm = RMSNorm(spec.width, spec.rms_eps)
        self.self_attn = SelfAttention(spec)
        self.post_attention_layernorm = RMSNorm(spec.width, spec.rms_eps)
        self.mlp = MLP(spec)

    def forward(self, x: Tensor, by: Turn, far: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), by, far)
        return x + self.mlp(self.post_attention_layernorm(x))

    def extend(
        self, x: Tensor, by: Turn, cache: Cache, places: Tensor, mask: Tensor
    ) -> Tensor:
        y = self.input_layernorm(x)
        x = x + self.self_attn.extend(y, by, cache, places, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(Generates, nn.Module):
    block: ClassVar[type[nn.Module]] = Block

    def __init__(self, spec: RotaryDecoderSpec):
        super().__init__()
        self.spec = spec
        self.embed_tokens = nn.Embedding(spec.vocab_size, spec.width)
        self.blocks = nn.ModuleList(self.block(spec) for _ in range(spec.depth))
        self.norm = RMSNorm(spec.width, spec.rms_eps)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        far = None if self.spec.window is None else self.beyond(places, places)
        for block in self.blocks:
            x = block(x, by, far)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.kv_heads, length, self.spec.head_width
        empty = self.embed_tokens.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.blocks]

    def extend(self, tokens: Tensor, cache: list[Cache], places: Tensor) -> Tensor:
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        every = torch.arange(cache[0][0].shape[2], device=places.device)
        mask = _forbidden(every > places[:, None])
        if self.spec.window is not None:
            mask = mask + self.beyond(every, places)
        for block, own in zip(self.blocks, cache, strict=True):
            x = block.extend(x, by, own, places, mask)  # type: ignore[operator]
        return self.head(x[:, -1])

    def beyond(self, every: Tensor, places: Tensor) -> Tensor:
        """Hide what is further back than the window reaches. [T, T of all]"""
        return _forbidden(every <= places[:, None] - self.spec.window)

    def head(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if self.spec.tied:
            return full(F.linear(x, self.embed_tokens.weight))
        return full(self.lm_head(x))  # [B, T, vocab_size]


def _forbidden(where: Tensor) -> Tensor:
    nothing = torch.zeros(where.shape, device=where.device)
    return nothing.masked_fill(where, -math.inf)

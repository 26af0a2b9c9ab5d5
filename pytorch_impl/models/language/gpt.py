"""GPT-2 in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Attention, Cache, Dropout, Generates
from pytorch_impl.precision import full
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps, bias=spec.bias)


class SelfAttention(nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.spec = spec
        self.c_attn = nn.Linear(spec.width, spec.qkv_width, bias=spec.bias)
        self.attend = Attention(spec.dropout, causal=True)
        self.attend_cached = Attention(0.0, causal=False)
        self.c_proj = nn.Linear(spec.width, spec.width, bias=spec.bias)
        self.resid_dropout = Dropout(spec.dropout)

    def forward(self, x: Tensor, far: Tensor | None) -> Tensor:
        q, k, v = self.qkv(x)
        return self.project(self.attend(q, k, v, far))

    def extend(self, x: Tensor, cache: Cache, places: Tensor, mask: Tensor) -> Tensor:
        """Attend from further tokens to what is in the cache and to themselves."""
        q, k, v = self.qkv(x)
        keys, values = cache
        keys.index_copy_(2, places, k.to(keys.dtype))
        values.index_copy_(2, places, v.to(values.dtype))
        return self.project(self.attend_cached(q, keys, values, mask))

    def qkv(self, x: Tensor) -> tuple[Tensor, ...]:
        s, tokens = self.spec, x.shape[1]
        qkv = self.c_attn(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        return tuple(qkv.permute(2, 0, 3, 1, 4))  # [B, heads, T, head_width] each

    def project(self, y: Tensor) -> Tensor:
        y = y.transpose(1, 2).flatten(2)  # [B, T, heads * head_width]
        return self.resid_dropout(self.c_proj(y))  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.c_fc = nn.Linear(spec.width, spec.inner_width, bias=spec.bias)
        self.c_proj = nn.Linear(spec.inner_width, spec.width, bias=spec.bias)
        self.dropout = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.c_fc(x), approximate="tanh")  # [B, T, 4 * width]
        return self.dropout(self.c_proj(x))


class Block(nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.ln_1 = norm(spec)
        self.attn = SelfAttention(spec)
        self.ln_2 = norm(spec)
        self.mlp = MLP(spec)

    def forward(self, x: Tensor, far: Tensor | None) -> Tensor:
        x = x + self.attn(self.ln_1(x), far)
        return x + self.mlp(self.ln_2(x))

    def extend(self, x: Tensor, cache: Cache, places: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attn.extend(self.ln_1(x), cache, places, mask)
        return x + self.mlp(self.ln_2(x))


class GPT(Generates, nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.spec = spec
        self.wte = nn.Embedding(spec.vocab_size, spec.width)
        self.wpe = nn.Embedding(spec.positions, spec.width)
        self.drop = Dropout(spec.dropout)
        self.h = nn.ModuleList(Block(spec) for _ in range(spec.depth))
        self.ln_f = norm(spec)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.wte(tokens) + self.wpe(places))  # [B, T, width]
        far = None if self.spec.band is None else self.beyond(places, places)
        for block, banded in zip(self.h, self.spec.banded, strict=True):
            x = block(x, far if banded else None)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Make room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = self.wte.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.h]

    def extend(self, tokens: Tensor, cache: list[Cache], places: Tensor) -> Tensor:
        """The logits after the last of further tokens, which join the cache."""
        x = self.wte(tokens) + self.wpe(places)  # [B, T, width]
        every = torch.arange(cache[0][0].shape[2], device=places.device)
        mask = near = _forbidden(every > places[:, None])
        if self.spec.band is not None:
            near = mask + self.beyond(every, places)
        for block, own, banded in zip(self.h, cache, self.spec.banded, strict=True):
            x = block.extend(x, own, places, near if banded else mask)  # type: ignore[operator]
        return self.head(x[:, -1])

    def beyond(self, every: Tensor, places: Tensor) -> Tensor:
        """Hide what is further back than the band reaches. [T, T of all]"""
        return _forbidden(every <= places[:, None] - self.spec.band)

    def head(self, x: Tensor) -> Tensor:
        return full(F.linear(self.ln_f(x), self.wte.weight))  # [B, T, vocab_size]


def _forbidden(where: Tensor) -> Tensor:
    nothing = torch.zeros(where.shape, device=where.device)
    return nothing.masked_fill(where, -math.inf)

"""LaMDA in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/lamda.py.
"""

import torch
from torch import Tensor, nn

from pytorch_impl.layers import Cache, Dropout, Generates, relative_buckets
from pytorch_impl.models.language.t5 import MLP, MultiHeadAttention, linear, norm
from pytorch_impl.precision import full
from shared.specs.language.lamda import UNSEEN, LaMDASpec


class SelfAttention(MultiHeadAttention):
    def follow(self, x: Tensor, cache: Cache, places: Tensor, bias: Tensor) -> Tensor:
        """Attend from further tokens to what is in the cache and to themselves."""
        for kept, new in zip(cache, self.read(x), strict=True):
            kept.index_copy_(2, places, new.to(kept.dtype))
        return self.project(self.attend_cached(self.heads(self.q(x)), *cache, bias))


class Block(nn.Module):
    def __init__(self, spec: LaMDASpec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = SelfAttention(spec, causal=True)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y), bias))
        return x + self.drop(self.mlp(self.norm2(x)))

    def extend(self, x: Tensor, cache: Cache, places: Tensor, bias: Tensor) -> Tensor:
        y = self.attn.follow(self.norm1(x), cache, places, bias)
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm2(x)))


class LaMDA(Generates, nn.Module):
    def __init__(self, spec: LaMDASpec):
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.vocab_size, spec.width)
        self.relative = nn.Embedding(spec.bucket_count, spec.heads)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.depth))
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)
        self.lm_head = linear(spec.width, spec.vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        bias = self.bias(places, places)
        for block in self.blocks:
            x = block(x, bias)
        return self.head(x)

    def cache(self, rows: int, length: int) -> list[Cache]:
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = self.embedding.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.blocks]

    def extend(self, tokens: Tensor, cache: list[Cache], places: Tensor) -> Tensor:
        x = self.drop(self.embedding(tokens))  # [B, T, width]
        every = torch.arange(cache[0][0].shape[2], device=places.device)
        future = (every > places[:, None]).to(x.dtype)
        bias = self.bias(places, every) + UNSEEN * future
        for block, own in zip(self.blocks, cache, strict=True):
            x = block.extend(x, own, places, bias)  # type: ignore[operator]
        return self.head(x[:, -1])

    def bias(self, queries: Tensor, keys: Tensor) -> Tensor:
        starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return self.relative(buckets).permute(2, 0, 1)  # [heads, T, T of keys]

    def head(self, x: Tensor) -> Tensor:
        return full(self.lm_head(self.drop(self.norm(x))))  # [B, T, vocab_size]

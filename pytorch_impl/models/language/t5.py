"""T5 in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/t5.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import (
    Attention,
    Dropout,
    RMSNorm,
    Translates,
    relative_buckets,
)
from pytorch_impl.precision import full
from shared.specs.language.t5 import UNSEEN, T5Spec
from shared.specs.relative import Relative

Cache = tuple[Tensor, Tensor]  # keys and values, [B, heads, T, head_width]


def linear(c_in: int, c_out: int) -> nn.Linear:
    return nn.Linear(c_in, c_out, bias=False)


def norm(spec: Relative) -> RMSNorm:
    return RMSNorm(spec.width, spec.rms_eps)


def unseen(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return UNSEEN * (1 - mask[:, None, None].to(dtype))  # [B, 1, 1, T]


class MultiHeadAttention(nn.Module):
    def __init__(self, spec: Relative, causal: bool):
        super().__init__()
        self.spec = spec
        self.q = linear(spec.width, spec.inner_width)
        self.k = linear(spec.width, spec.inner_width)
        self.v = linear(spec.width, spec.inner_width)
        self.attend = Attention(spec.dropout, causal, scaled=False)
        self.attend_cached = Attention(spec.dropout, causal=False, scaled=False)
        self.o = linear(spec.inner_width, spec.width)

    def forward(self, x: Tensor, seen: Cache, bias: Tensor) -> Tensor:
        return self.project(self.attend(self.heads(self.q(x)), *seen, bias))

    def extend(self, x: Tensor, cache: Cache, place: int, bias: Tensor) -> Tensor:
        """The same of a further token: it sees what is in the cache, itself too."""
        for kept, new in zip(cache, self.read(x), strict=True):
            kept[:, :, place : place + 1] = new
        return self.project(self.attend_cached(self.heads(self.q(x)), *cache, bias))

    def read(self, x: Tensor, mask: Tensor | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * mask[:, None, :, None].to(v.dtype)

    def heads(self, x: Tensor) -> Tensor:
        s = self.spec
        x = x.reshape(-1, x.shape[1], s.heads, s.head_width)
        return x.transpose(1, 2)  # [B, heads, T, head_width]

    def project(self, y: Tensor) -> Tensor:
        return self.o(y.transpose(1, 2).flatten(2))  # [B, T, width]


class MLP(nn.Module):
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

    def forward(self, x: Tensor) -> Tensor:
        if self.spec.gated:
            x = F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x)
        else:
            x = F.relu(self.wi(x))
        return self.wo(self.drop(x))  # [B, T, width]


class EncoderBlock(nn.Module):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y, mask), bias))
        return x + self.drop(self.mlp(self.norm2(x)))


class DecoderBlock(nn.Module):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = MultiHeadAttention(spec, causal=True)
        self.norm2 = norm(spec)
        self.cross = MultiHeadAttention(spec, causal=False)
        self.norm3 = norm(spec)
        self.mlp = MLP(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, bias: Tensor, seen: Cache, mask: Tensor) -> Tensor:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y), bias), seen, mask)

    def extend(
        self,
        x: Tensor,
        cache: Cache,
        place: int,
        bias: Tensor,
        seen: Cache,
        mask: Tensor,
    ) -> Tensor:
        y = self.attn.extend(self.norm1(x), cache, place, bias)
        return self.look(x, y, seen, mask)

    def look(self, x: Tensor, y: Tensor, seen: Cache, mask: Tensor) -> Tensor:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        y = self.cross(self.norm2(x), seen, unseen(mask, x.dtype))
        x = x + self.drop(y)
        return x + self.drop(self.mlp(self.norm3(x)))


class Encoder(nn.Module):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.spec = spec
        self.relative = nn.Embedding(spec.bucket_count, spec.heads)
        self.blocks = nn.ModuleList(EncoderBlock(spec) for _ in range(spec.depth))
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        bias = self.bias(places) + unseen(mask, x.dtype)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, mask, bias)
        return self.drop(self.norm(x))  # [B, T, width]

    def bias(self, places: Tensor) -> Tensor:
        starts, _ = self.spec.starts_of_buckets
        buckets = relative_buckets(places, places, starts, both=True)
        return self.relative(buckets).permute(2, 0, 1)  # [heads, T, T]


class Decoder(nn.Module):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.spec = spec
        self.relative = nn.Embedding(spec.bucket_count, spec.heads)
        self.blocks = nn.ModuleList(DecoderBlock(spec) for _ in range(spec.depth))
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, seen: list[Cache], mask: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        bias = self.bias(places, places)
        x = self.drop(x)
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, bias, pair, mask)
        return self.drop(self.norm(x))  # [B, T, width]

    def extend(
        self, x: Tensor, cache: list[Cache], place: int, seen: list[Cache], mask: Tensor
    ) -> Tensor:
        every = torch.arange(cache[0][0].shape[2], device=x.device)
        here = torch.tensor([place], device=x.device)
        past = (every <= place).to(x.dtype)[None]
        bias = self.bias(here, every) + unseen(past, x.dtype)
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x = block.extend(x, own, place, bias, pair, mask)  # type: ignore[operator]
        return self.norm(x)

    def read(self, memory: Tensor, mask: Tensor) -> list[Cache]:
        return [block.cross.read(memory, mask) for block in self.blocks]  # type: ignore[operator, union-attr]

    def bias(self, queries: Tensor, keys: Tensor) -> Tensor:
        _, starts = self.spec.starts_of_buckets
        buckets = relative_buckets(queries, keys, starts, both=False)
        return self.relative(buckets).permute(2, 0, 1)  # [heads, T, T of keys]


class T5(Translates, nn.Module):
    def __init__(self, spec: T5Spec):
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.vocab_size, spec.width)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        if not spec.tied:
            self.lm_head = linear(spec.width, spec.vocab_size)

    def forward(self, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        return self.encoder(self.embedding(source), mask)  # [B, T, width]

    def read(self, source: Tensor, mask: Tensor) -> list[Cache]:
        """What each block of the decoder sees of a source."""
        return self.decoder.read(self.encode(source, mask), mask)

    def decode(self, target: Tensor, seen: list[Cache], mask: Tensor) -> Tensor:
        return self.head(self.decoder(self.embedding(target), seen, mask))

    def head(self, x: Tensor) -> Tensor:
        if self.spec.tied:
            return full(F.linear(x * self.spec.scale, self.embedding.weight))
        return full(self.lm_head(x))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = self.embedding.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.decoder.blocks]

    def extend(
        self,
        token: Tensor,
        cache: list[Cache],
        place: int,
        seen: list[Cache],
        mask: Tensor,
    ) -> Tensor:
        """The logits after a further token, which joins the cache."""
        x = self.decoder.extend(self.embedding(token), cache, place, seen, mask)
        return self.head(x[:, 0])

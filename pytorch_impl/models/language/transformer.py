"""The Transformer in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/transformer.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Attention, Dropout, Translates
from pytorch_impl.precision import full
from shared.specs.language.transformer import UNSEEN, TransformerSpec

Cache = tuple[Tensor, Tensor]  # keys and values, [B, heads, T, head_width]


def norm(spec: TransformerSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps)


def sinusoids(places: Tensor, width: int) -> Tensor:
    """Section 3.5: sin(place / 10000^(i / width)) at even i, then its cosine."""
    even = torch.arange(0, width, 2, device=places.device)
    angles = places[:, None] / 10000 ** (even / width)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)  # [T, width]


class MultiHeadAttention(nn.Module):
    """Section 3.2.2: queries of one sequence, keys and values of one, or another."""

    def __init__(self, spec: TransformerSpec, causal: bool):
        super().__init__()
        self.spec = spec
        self.q = nn.Linear(spec.width, spec.width, bias=spec.bias)
        self.k = nn.Linear(spec.width, spec.width, bias=spec.key_bias)
        self.v = nn.Linear(spec.width, spec.width, bias=spec.bias)
        self.attend = Attention(0.0, causal)
        self.attend_cached = Attention(0.0, causal=False)
        self.proj = nn.Linear(spec.width, spec.width, bias=spec.bias)

    def forward(self, x: Tensor, seen: Cache, mask: Tensor | None = None) -> Tensor:
        q = self.heads(self.q(x))
        bias = None if mask is None else self.unseen(mask, q)
        return self.project(self.attend(q, *seen, bias))

    def extend(self, x: Tensor, cache: Cache, place: int) -> Tensor:
        """The same of a further token: it sees what is in the cache, itself too."""
        q = self.heads(self.q(x))
        for kept, new in zip(cache, self.read(x), strict=True):
            kept[:, :, place : place + 1] = new
        past = torch.arange(cache[0].shape[2], device=x.device) <= place
        bias = self.unseen(past[None], q)
        return self.project(self.attend_cached(q, *cache, bias))

    def read(self, x: Tensor, mask: Tensor | None = None) -> Cache:
        """Keys and values; those of tokens that do not count are 0."""
        k, v = self.heads(self.k(x)), self.heads(self.v(x))
        return k, v if mask is None else v * mask[:, None, :, None].to(v.dtype)

    def unseen(self, mask: Tensor, q: Tensor) -> Tensor:
        return UNSEEN * (1 - mask[:, None, None].to(q.dtype))  # [B, 1, 1, T]

    def heads(self, x: Tensor) -> Tensor:
        s = self.spec
        x = x.reshape(-1, x.shape[1], s.heads, s.head_width)
        return x.transpose(1, 2)  # [B, heads, T, head_width]

    def project(self, y: Tensor) -> Tensor:
        return self.proj(y.transpose(1, 2).flatten(2))  # [B, T, width]


class MLP(nn.Module):
    """Equation 2."""

    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(x)))  # [B, T, width]


class EncoderLayer(nn.Module):
    """Figure 1, left."""

    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.attn(x, self.attn.read(x, mask), mask)
        x = self.norm1(x + self.drop(y))
        return self.norm2(x + self.drop(self.mlp(x)))


class DecoderLayer(nn.Module):
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

    def forward(self, x: Tensor, seen: Cache, mask: Tensor) -> Tensor:
        return self.look(x, self.attn(x, self.attn.read(x)), seen, mask)

    def extend(
        self, x: Tensor, cache: Cache, place: int, seen: Cache, mask: Tensor
    ) -> Tensor:
        return self.look(x, self.attn.extend(x, cache, place), seen, mask)

    def look(self, x: Tensor, y: Tensor, seen: Cache, mask: Tensor) -> Tensor:
        """From what its own attention gave on."""
        x = self.norm1(x + self.drop(y))
        x = self.norm2(x + self.drop(self.cross(x, seen, mask)))
        return self.norm3(x + self.drop(self.mlp(x)))


class Transformer(Translates, nn.Module):
    def __init__(self, spec: TransformerSpec):
        super().__init__()
        self.spec = spec
        self.embedding = nn.Embedding(spec.vocab_size, spec.width)
        self.drop = Dropout(spec.dropout)
        self.encoder = nn.ModuleList(EncoderLayer(spec) for _ in range(spec.depth))
        self.decoder = nn.ModuleList(DecoderLayer(spec) for _ in range(spec.depth))

    def forward(self, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, self.read(source, mask), mask)

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        x = self.embedded(source, torch.arange(source.shape[1], device=source.device))
        for layer in self.encoder:
            x = layer(x, mask)
        return x  # [B, T, width]

    def read(self, source: Tensor, mask: Tensor) -> list[Cache]:
        """What each layer of the decoder sees of a source."""
        memory = self.encode(source, mask)
        return [layer.cross.read(memory, mask) for layer in self.decoder]  # type: ignore[operator, union-attr]

    def decode(self, target: Tensor, seen: list[Cache], mask: Tensor) -> Tensor:
        x = self.embedded(target, torch.arange(target.shape[1], device=target.device))
        for layer, pair in zip(self.decoder, seen, strict=True):
            x = layer(x, pair, mask)
        return self.head(x)

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        x = self.embedding(tokens) * self.spec.scale  # [B, T, width]
        return self.drop(x + sinusoids(places, self.spec.width).to(x.dtype))

    def head(self, x: Tensor) -> Tensor:
        return full(F.linear(x, self.embedding.weight))  # [B, T, vocab_size]

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = self.embedding.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.decoder]

    def extend(
        self,
        token: Tensor,
        cache: list[Cache],
        place: int,
        seen: list[Cache],
        mask: Tensor,
    ) -> Tensor:
        """The logits after a further token, which joins the cache."""
        x = self.embedded(token, torch.tensor([place], device=token.device))
        for layer, own, pair in zip(self.decoder, cache, seen, strict=True):
            x = layer.extend(x, own, place, pair, mask)  # type: ignore[operator]
        return self.head(x[:, 0])

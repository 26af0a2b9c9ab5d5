"""Whisper in PyTorch, [B, T, width]; sounds [B, mels, frames].

Spec, names, paper: shared/specs/language/whisper.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, Translates, conv1d, turn
from pytorch_impl.models.language.transformer import Cache, MultiHeadAttention, norm
from pytorch_impl.precision import full
from shared.specs.language.whisper import WhisperSpec


class MLP(nn.Module):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))  # [B, T, width]


class EncoderBlock(nn.Module):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=False)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.drop(self.attn(y, self.attn.read(y)))
        return x + self.drop(self.mlp(self.norm2(x)))


class Encoder(nn.Module):
    """Figure 1, left."""

    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.spec = spec
        first, second = spec.convs
        self.conv1 = conv1d(first)
        self.conv2 = conv1d(second)
        self.drop = Dropout(spec.dropout)
        self.blocks = nn.ModuleList(EncoderBlock(spec) for _ in range(spec.depth))
        self.norm = norm(spec)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        places = torch.arange(x.shape[1], device=x.device)
        cos, sin = turn(places, self.spec.frequencies)
        x = self.drop(x + torch.cat([sin, cos], 1).to(x.dtype))  # [B, T, width]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class DecoderBlock(nn.Module):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.attn = MultiHeadAttention(spec, causal=True)
        self.norm1 = norm(spec)
        self.cross = MultiHeadAttention(spec, causal=False)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.norm3 = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, seen: Cache) -> Tensor:
        y = self.norm1(x)
        return self.look(x, self.attn(y, self.attn.read(y)), seen)

    def extend(self, x: Tensor, cache: Cache, place: int, seen: Cache) -> Tensor:
        return self.look(x, self.attn.extend(self.norm1(x), cache, place), seen)

    def look(self, x: Tensor, y: Tensor, seen: Cache) -> Tensor:
        """From what its own attention gave on."""
        x = x + self.drop(y)
        x = x + self.drop(self.cross(self.norm2(x), seen))
        return x + self.drop(self.mlp(self.norm3(x)))


class Decoder(nn.Module):
    """Figure 1, right."""

    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.tokens = nn.Embedding(spec.vocab_size, spec.width)
        self.positions = nn.Embedding(spec.target_tokens, spec.width)
        self.drop = Dropout(spec.dropout)
        self.blocks = nn.ModuleList(DecoderBlock(spec) for _ in range(spec.depth))
        self.norm = norm(spec)

    def forward(self, target: Tensor, seen: list[Cache]) -> Tensor:
        x = self.embedded(target, torch.arange(target.shape[1], device=target.device))
        for block, pair in zip(self.blocks, seen, strict=True):
            x = block(x, pair)
        return self.head(x)

    def extend(
        self, token: Tensor, cache: list[Cache], place: int, seen: list[Cache]
    ) -> Tensor:
        x = self.embedded(token, torch.tensor([place], device=token.device))
        for block, own, pair in zip(self.blocks, cache, seen, strict=True):
            x = block.extend(x, own, place, pair)  # type: ignore[operator]
        return self.head(x[:, 0])

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        return self.drop(self.tokens(tokens) + self.positions(places))

    def head(self, x: Tensor) -> Tensor:
        return full(F.linear(self.norm(x), self.tokens.weight))


class Whisper(Translates, nn.Module):
    def __init__(self, spec: WhisperSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def forward(self, mel: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, self.read(mel))

    def encode(self, mel: Tensor) -> Tensor:
        return self.encoder(mel)

    def read(self, mel: Tensor) -> list[Cache]:
        """What each block of the decoder sees of a sound."""
        memory = self.encode(mel)
        return [block.cross.read(memory) for block in self.decoder.blocks]  # type: ignore[operator, union-attr]

    def decode(self, target: Tensor, seen: list[Cache]) -> Tensor:
        return self.decoder(target, seen)

    def cache(self, rows: int, length: int) -> list[Cache]:
        """Room for the keys and values of so many tokens."""
        shape = rows, self.spec.heads, length, self.spec.head_width
        empty = self.decoder.tokens.weight.new_zeros
        return [(empty(shape), empty(shape)) for _ in self.decoder.blocks]

    def extend(
        self, token: Tensor, cache: list[Cache], place: int, seen: list[Cache]
    ) -> Tensor:
        """The logits after a further token, which joins the cache."""
        return self.decoder.extend(token, cache, place, seen)

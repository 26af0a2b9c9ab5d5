"""ALBERT in PyTorch, [B, T, width].

Spec, names, papers: shared/specs/language/albert.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, unit
from pytorch_impl.models.language.bert import Pooler, SelfAttention, norm
from shared.specs.language.albert import AlbertForMaskedLMSpec, AlbertSpec


def narrow_norm(spec: AlbertSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.embedding_width, eps=spec.ln_eps)


class Embeddings(nn.Module):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.word = nn.Embedding(spec.vocab_size, spec.embedding_width)
        self.position = nn.Embedding(spec.positions, spec.embedding_width)
        self.token_type = nn.Embedding(spec.token_types, spec.embedding_width)
        self.norm = narrow_norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, tokens: Tensor, token_types: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.word(tokens) + self.token_type(token_types) + self.position(places)
        return self.drop(self.norm(x))  # [B, T, embedding_width]


class MLP(nn.Module):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(x), approximate="tanh")  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(nn.Module):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.attn = SelfAttention(spec)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(nn.Module):
    """Section 3.1: the same block again and again."""

    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.spec = spec
        self.embeddings = Embeddings(spec)
        self.widen = nn.Linear(spec.embedding_width, spec.width)
        self.block = Block(spec)

    def forward(self, tokens: Tensor, mask: Tensor, token_types: Tensor) -> Tensor:
        x = self.widen(self.embeddings(tokens, token_types))
        for _ in range(self.spec.depth):
            x = self.block(x, mask)
        return x  # [B, T, width]


class WordHead(nn.Module):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(spec.vocab_size))
        self.dense = nn.Linear(spec.width, spec.embedding_width)
        self.norm = narrow_norm(spec)

    def forward(self, x: Tensor, word: nn.Embedding) -> Tensor:
        x = self.norm(F.gelu(self.dense(x), approximate="tanh"))
        return F.linear(x, word.weight, self.bias)  # [B, T, vocab_size]


class Albert(nn.Module):
    def __init__(self, spec: AlbertSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.pooler = Pooler(spec)

    def forward(
        self, tokens: Tensor, mask: Tensor, token_types: Tensor
    ) -> tuple[Tensor, Tensor]:
        x = self.encoder(tokens, mask, token_types)
        return x, self.pooler(x)

    def embed(self, tokens: Tensor, mask: Tensor, token_types: Tensor) -> Tensor:
        x = self.encoder(tokens, mask, token_types)
        total = (x * mask[..., None].to(x.dtype)).sum(1)  # [B, width]
        return unit(total)


class AlbertForMaskedLM(nn.Module):
    def __init__(self, spec: AlbertForMaskedLMSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.head = WordHead(spec)

    def forward(self, tokens: Tensor, mask: Tensor, token_types: Tensor) -> Tensor:
        x = self.encoder(tokens, mask, token_types)
        return self.head(x, word=self.encoder.embeddings.word)

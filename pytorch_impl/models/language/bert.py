"""BERT in PyTorch, [B, T, width].

Spec, names, papers: shared/specs/language/bert.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import ACTIVATIONS, Attention, Dropout, unit
from shared.specs.language.bert import (
    UNSEEN,
    BertForMaskedLMSpec,
    BertForQuestionAnsweringSpec,
    BertForSequenceClassificationSpec,
    BertForTokenClassificationSpec,
    BertSpec,
)


def norm(spec: BertSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps)


class Embeddings(nn.Module):
    """Figure 2: what stands there, in which text of a pair, and where."""

    def __init__(self, spec: BertSpec):
        super().__init__()
        self.spec = spec
        self.word = nn.Embedding(spec.vocab_size, spec.width)
        self.position = nn.Embedding(spec.positions, spec.width)
        if spec.token_types:
            self.token_type = nn.Embedding(spec.token_types, spec.width)
        self.norm = norm(spec)
        self.drop = Dropout(spec.dropout)

    def forward(self, tokens: Tensor, mask: Tensor, types: Tensor | None) -> Tensor:
        x = self.word(tokens)
        if types is not None:
            x = x + self.token_type(types)
        return self.drop(self.norm(x + self.position(self.places(mask))))

    def places(self, mask: Tensor) -> Tensor:
        if self.spec.first_place == 0:
            return torch.arange(mask.shape[1], device=mask.device)
        return mask.cumsum(1) * mask + self.spec.first_place - 1


class SelfAttention(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.spec = spec
        self.qkv = nn.Linear(spec.width, spec.qkv_width)
        self.attend = Attention(spec.dropout, causal=False)
        self.proj = nn.Linear(spec.width, spec.width)
        self.proj_drop = Dropout(spec.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        s, tokens = self.spec, x.shape[1]
        qkv = self.qkv(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        counts = mask[:, None].to(v.dtype)  # [B, 1, T]
        bias = UNSEEN * (1 - counts[:, :, None])  # [B, 1, 1, T]
        v = v * counts[..., None]
        y = self.attend(q, k, v, bias).transpose(1, 2)  # [B, T, heads, head_width]
        return self.proj_drop(self.proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.fc1 = nn.Linear(spec.width, spec.mlp_width)
        self.fc2 = nn.Linear(spec.mlp_width, spec.width)
        self.drop = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.fc1(x))  # [B, T, mlp_width]
        return self.drop(self.fc2(x))  # [B, T, width]


class Block(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.attn = SelfAttention(spec)
        self.norm1 = norm(spec)
        self.mlp = MLP(spec)
        self.norm2 = norm(spec)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.norm1(x + self.attn(x, mask))
        return self.norm2(x + self.mlp(x))


class Encoder(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.embeddings = Embeddings(spec)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.depth))

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.embeddings(tokens, mask, types)
        for block in self.blocks:
            x = block(x, mask)
        return x  # [B, T, width]


class Pooler(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.dense = nn.Linear(spec.width, spec.width)
        self.activation = ACTIVATIONS[spec.pooler]

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.dense(x[:, 0]))  # [B, width]


class WordHead(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(spec.vocab_size))
        self.dense = nn.Linear(spec.width, spec.width)
        self.norm = norm(spec)

    def forward(self, x: Tensor, word: nn.Embedding) -> Tensor:
        x = self.norm(F.gelu(self.dense(x)))
        return F.linear(x, word.weight, self.bias)  # [B, T, vocab_size]


class Bert(nn.Module):
    def __init__(self, spec: BertSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        if spec.token_types:
            self.pooler = Pooler(spec)

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        x = self.encoder(tokens, mask, types)
        return (x, self.pooler(x)) if self.spec.token_types else x

    def embed(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.encoder(tokens, mask, types)
        total = (x * mask[..., None].to(x.dtype)).sum(1)  # [B, width]
        return unit(total)


class BertForMaskedLM(nn.Module):
    def __init__(self, spec: BertForMaskedLMSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.head = WordHead(spec)

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.encoder(tokens, mask, types)
        return self.head(x, word=self.encoder.embeddings.word)


class BertForSequenceClassification(nn.Module):
    def __init__(self, spec: BertForSequenceClassificationSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.pooler = Pooler(spec)
        self.drop = Dropout(spec.dropout)
        self.classifier = nn.Linear(spec.width, spec.num_classes)

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(self.pooler(x)))  # [B, num_classes]


class BertForTokenClassification(nn.Module):
    def __init__(self, spec: BertForTokenClassificationSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.drop = Dropout(spec.dropout)
        self.classifier = nn.Linear(spec.width, spec.num_classes)

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.encoder(tokens, mask, types)
        return self.classifier(self.drop(x))  # [B, T, num_classes]


class BertForQuestionAnswering(nn.Module):
    def __init__(self, spec: BertForQuestionAnsweringSpec):
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.qa_outputs = nn.Linear(spec.width, spec.ends)

    def forward(
        self, tokens: Tensor, mask: Tensor, types: Tensor | None = None
    ) -> Tensor:
        x = self.encoder(tokens, mask, types)
        return self.qa_outputs(x).transpose(1, 2)  # [B, ends, T]

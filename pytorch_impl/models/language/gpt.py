"""GPT-2 in PyTorch, [B, T, width].

Spec, names, paper: shared/specs/language/gpt.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Attention, Dropout
from shared.specs.language.gpt import GPTSpec


def norm(spec: GPTSpec) -> nn.LayerNorm:
    return nn.LayerNorm(spec.width, eps=spec.ln_eps)


class SelfAttention(nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.spec = spec
        self.c_attn = nn.Linear(spec.width, spec.qkv_width)
        self.attend = Attention(spec.dropout, causal=True)
        self.c_proj = nn.Linear(spec.width, spec.width)
        self.resid_dropout = Dropout(spec.dropout)

    def forward(self, x: Tensor) -> Tensor:
        s, tokens = self.spec, x.shape[1]
        qkv = self.c_attn(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).transpose(1, 2)  # [B, T, heads, head_width]
        return self.resid_dropout(self.c_proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nn.Module):
    def __init__(self, spec: GPTSpec):
        super().__init__()
        self.c_fc = nn.Linear(spec.width, spec.inner_width)
        self.c_proj = nn.Linear(spec.inner_width, spec.width)
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

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
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
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)  # [B, T, vocab_size]

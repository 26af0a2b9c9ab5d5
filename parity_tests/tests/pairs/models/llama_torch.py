"""A block of rotary attention, RMS norms and a gated SiLU."""

import torch
import torch.nn.functional as F
from torch import nn


def rotated(x, turn):
    a, b = x.chunk(2, -1)
    cos, sin = turn.cos(), turn.sin()
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(13, 8)
        self.norm1, self.norm2 = nn.RMSNorm(8, eps=1e-6), nn.RMSNorm(8, eps=1e-6)
        self.wq, self.wk, self.wv, self.wo = (
            nn.Linear(8, 8, bias=False) for _ in range(4)
        )
        self.gate, self.up = nn.Linear(8, 12, bias=False), nn.Linear(8, 12, bias=False)
        self.down = nn.Linear(12, 8, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        b, n, _ = x.shape
        y = self.norm1(x)
        q, k, v = (
            f(y).view(b, n, 2, 4).transpose(1, 2) for f in (self.wq, self.wk, self.wv)
        )
        turn = torch.arange(n)[:, None] * 10000.0 ** (-torch.arange(2) / 2)
        q, k = rotated(q, turn), rotated(k, turn)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.wo(y.transpose(1, 2).reshape(b, n, 8))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def make():
    return Net()

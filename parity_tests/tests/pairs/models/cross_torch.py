"""A decoder's layer that attends to what was encoded, with a mask."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.MultiheadAttention(8, 2, batch_first=True)
        self.over = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=6)
        self.ln1, self.ln2, self.ln3 = (nn.LayerNorm(8, eps=1e-6) for _ in range(3))
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x, memory):
        n = x.shape[1]
        hidden = torch.triu(torch.ones(n, n, dtype=torch.bool), 1)
        x = self.ln1(x + self.own(x, x, x, attn_mask=hidden)[0])
        x = self.ln2(x + self.over(x, memory, memory)[0])
        return self.ln3(x + self.down(F.relu(self.up(x))))


def make():
    return Net()

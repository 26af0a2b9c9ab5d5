"""The reference: a person's own network in PyTorch."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        return self.head(self.drop(x.mean((2, 3))))


class Encoder(nn.Module):
    """Whole numbers and a mask in, a dictionary out."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.query = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)

    def forward(self, ids, mask):
        x = self.embedding(ids)
        scores = self.query(x).sum(-1).masked_fill(~mask, -1e9)
        states = torch.softmax(scores, -1).unsqueeze(-1) * self.value(x)
        return {"states": states, "pooled": states.sum(1)}

"""A mean of words that are there; inputs are a dict."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(13, 4)
        self.hidden = nn.Linear(4, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, ids, mask):
        weight = mask.to(self.words.weight.dtype)[..., None]
        x = (self.words(ids) * weight).sum(1) / (weight.sum(1) + 1)
        return self.out(torch.tanh(self.hidden(x))), None


def make():
    return Net()

"""Words, a norm and a wide layer beside them, in PyTorch."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 6)
        self.ln = nn.LayerNorm(6)
        self.mlp = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))
        self.head = nn.Linear(6, 9, bias=False)

    def forward(self, ids):
        x = self.words(ids)
        x = x + self.mlp(self.ln(x))
        return self.head(x)


make = Net

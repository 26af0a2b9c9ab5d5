"""Convolutional networks for sentences in PyTorch, [B, width, T].

Spec, names, paper: shared/specs/language/textcnn.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, conv1d
from shared.specs.language.textcnn import PADDING, TextCNNSpec


class TextCNN(nn.Module):
    def __init__(self, spec: TextCNNSpec):
        super().__init__()
        if spec.tuned:
            self.embedding = nn.Embedding(spec.vocab_size, spec.width)
        if spec.kept:
            self.fixed = nn.Embedding(spec.vocab_size, spec.width)
        self.spec = spec
        self.convs = nn.ModuleList(conv1d(c) for c in spec.convs)
        self.drop = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens).transpose(1, 2)  # [B, width, T]
        found = [F.relu(conv(x)).amax(2) for conv in self.convs]
        return self.fc(self.drop(torch.cat(found, 1)))  # [B, num_classes]

    def words(self, tokens: Tensor) -> Tensor:
        """The sum of both channels, as each filter is applied to both."""
        if self.spec.tuned and self.spec.kept:
            x = self.embedding(tokens) + self.fixed(tokens)
        else:
            x = self.embedding(tokens) if self.spec.tuned else self.fixed(tokens)
        return x * (tokens != PADDING)[..., None]  # [B, T, width]

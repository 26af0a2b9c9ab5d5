"""Convolutional networks for sentences in NumPy, [B, width, T].

Spec, names, paper: shared/specs/language/textcnn.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.convolution import Conv1d
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.embedding import Embedding
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import MaxOfMap
from shared.reference.module import Chain, Module
from shared.specs.language.textcnn import PADDING, TextCNNSpec


class TextCNN(Module):
    """Both channels have the gradient of their sum, of which padding has none."""

    def __init__(self, spec: TextCNNSpec):
        tables: list[Any] = []
        if spec.tuned:
            self.embedding = Embedding(spec.vocab_size, spec.width)
            tables.append(self.embedding)
        if spec.kept:
            self.fixed = Embedding(spec.vocab_size, spec.width)
            tables.append(self.fixed)
        self.tables = tuple(tables)
        self.convs = [Conv1d(c) for c in spec.convs]
        self.ways = tuple(Chain(conv, ReLU(), MaxOfMap()) for conv in self.convs)
        self.drop = Dropout(spec.dropout)
        self.fc = Linear(spec.c_out, spec.num_classes)
        self.last = Chain(self.drop, self.fc)

    def forward(self, tokens: Array) -> Array:
        self.counts = (tokens != PADDING)[..., None]
        x = np.sum([table(tokens) for table in self.tables], 0) * self.counts
        x = x.swapaxes(1, 2)  # [B, width, T]
        return self.last(np.concatenate([way(x) for way in self.ways], 1))

    def backward(self, g: Array) -> None:
        parts = np.split(self.last.backward(g), len(self.ways), 1)
        pairs = zip(self.ways, parts, strict=True)
        of_x = np.sum([way.backward(part) for way, part in pairs], 0)
        for table in self.tables:
            table.backward(of_x.swapaxes(1, 2) * self.counts)

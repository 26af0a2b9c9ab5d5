"""The embedding, and the head that reads the same matrix."""

import numpy as np

from shared.arrays import Array
from shared.reference.module import Module, Operation, Parameter


class Embedding(Module):
    """Row w_i for the number i; a row's gradient is the sum over all who read it."""

    def __init__(self, count: int, width: int):
        self.weight = Parameter((count, width))

    def forward(self, numbers: Array) -> Array:
        self.numbers = numbers
        return self.weight.value[numbers]

    def backward(self, g: Array) -> None:
        total = np.zeros_like(self.weight.value)
        np.add.at(total, self.numbers, g)
        self.weight.add(total)


class Unembedding(Operation):
    """y = x W^T with an embedding's matrix; its gradient adds to the embedding's."""

    def __init__(self, weight: Parameter):
        self.weight = weight

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.weight.value.T

    def backward(self, g: Array) -> Array:
        x, rows = (a.reshape(-1, a.shape[-1]) for a in (self.x, g))
        self.weight.add(rows.T @ x)
        return g @ self.weight.value

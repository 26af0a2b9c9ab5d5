"""Sums along the edges of a graph, written with its whole matrix."""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.module import Operation


def adjacency_of(edges: Array, nodes: Array) -> Array:
    """Build A, with in row t and column s the number of edges from s to t."""
    adjacency = np.zeros_like(nodes, shape=(len(nodes), len(nodes)))
    for source, target in edges:
        adjacency[target, source] += 1
    return adjacency


class Normalized(Operation):
    """S = D^-1/2 (A + I) D^-1/2, where D has the row sums d of B = A + I.

    With r = d^-1/2 and G = dL/dS: dL/dr_i = sum_j (G_ij B_ij + G_ji B_ji) r_j, and
    dr_i/dd_i = -r_i^3 / 2, so dL/dB_ij = G_ij r_i r_j - r_i^3 / 2 dL/dr_i.
    """

    def forward(self, adjacency: Array) -> Array:
        self.looped = adjacency + np.eye(len(adjacency), dtype=adjacency.dtype)
        self.root = 1 / np.sqrt(self.looped.sum(1))
        return self.root[:, None] * self.looped * self.root

    def backward(self, g: Array) -> Array:
        weighed = g * self.looped
        of_root = (weighed + weighed.T) @ self.root
        through = self.root**3 / 2 * of_root
        return g * self.root[:, None] * self.root - through[:, None]


class Spread(Operation):
    """y = S x, so dL/dx = S^T g and dL/dS = g x^T. It may be called several times; what
    S has of the calls adds up, from the last to the first."""

    def __init__(self, matrix: Array):
        self.matrix = matrix
        self.of_matrix = np.zeros_like(matrix)
        self.taken: list[Array] = []

    def forward(self, x: Array) -> Array:
        self.taken.append(x)
        return self.matrix @ x

    def backward(self, g: Array) -> Array:
        self.of_matrix += g @ self.taken.pop().T
        return self.matrix.T @ g


class MeanOfGraph(Spread):
    """The mean over each graph's nodes, 0 where it has none: row b of the matrix has
    1 / n at the n nodes of graph b."""

    def __init__(self, graph: Array, sizes: Array, kind: Any):
        inside = graph == np.arange(len(sizes))[:, None]
        super().__init__((inside / np.maximum(sizes, 1)[:, None]).astype(kind))

"""Graph convolutional network in NumPy, [N, features], edges [E, 2].

Spec, names, paper: shared/specs/graph/gcn.py.
"""

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.graph import (
    MeanOfGraph,
    Normalized,
    Spread,
    adjacency_of,
)
from shared.reference.layers.linear import Linear
from shared.reference.module import Module, Parameter
from shared.specs.graph.gcn import GCNSpec, PooledGCNSpec


class GraphConvolution(Module):
    """With y = S x W^T + b: dL/db = sum g over the nodes, and the rest is the dense
    layer's of S^T g."""

    def __init__(self, c_in: int, c_out: int, dropout: float):
        self.dropout = Dropout(dropout)
        self.linear = Linear(c_in, c_out, bias=False)
        self.bias = Parameter((c_out,))

    def forward(self, x: Array, spread: Spread) -> Array:
        self.spread = spread
        found: Array = spread(self.linear(self.dropout(x))) + self.bias.value
        return found  # [N, c_out]

    def backward(self, g: Array) -> Array:
        self.bias.add(g.sum(0))
        of_x: Array = self.linear.backward(self.spread.backward(g))
        return self.dropout.backward(of_x)


class GCN(Module):
    """Section 3.1, of any depth."""

    def __init__(self, spec: GCNSpec):
        layers = [GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes]
        self.hidden = layers
        self.squash = [ReLU() for _ in layers]
        self.normalized = Normalized()
        self.out = GraphConvolution(spec.c_out, spec.targets, spec.dropout)

    def forward(self, features: Array, edges: Array) -> Array:
        return self.dense(features, adjacency_of(edges, features))

    def dense(self, features: Array, adjacency: Array) -> Array:
        x, self.spread = features, Spread(self.normalized(adjacency))
        for layer, squash in zip(self.hidden, self.squash, strict=True):
            x = squash(layer(x, self.spread))
        found: Array = self.out(x, self.spread)
        return found  # [N, targets]

    def backward(self, g: Array) -> tuple[Array, None]:
        return self.dense_backward(g)[0], None

    def dense_backward(self, g: Array) -> tuple[Array, Array]:
        g = self.out.backward(g)
        for layer, squash in reversed(list(zip(self.hidden, self.squash, strict=True))):
            g = layer.backward(squash.backward(g))
        return g, self.normalized.backward(self.spread.of_matrix)


class PooledGCN(Module):
    """Of whole graphs."""

    def __init__(self, spec: PooledGCNSpec):
        layers = [GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes]
        self.hidden = layers
        self.squash = [ReLU() for _ in layers]
        self.normalized = Normalized()
        self.dropout = Dropout(spec.dropout)
        self.fc = Linear(spec.c_out, spec.targets)

    def forward(
        self, features: Array, edges: Array, graph: Array, sizes: Array
    ) -> Array:
        return self.dense(features, adjacency_of(edges, features), graph, sizes)

    def dense(
        self, features: Array, adjacency: Array, graph: Array, sizes: Array
    ) -> Array:
        x, self.spread = features, Spread(self.normalized(adjacency))
        for layer, squash in zip(self.hidden, self.squash, strict=True):
            x = squash(layer(x, self.spread))
        self.mean = MeanOfGraph(graph, sizes, x.dtype)
        found: Array = self.fc(self.dropout(self.mean(x)))
        return found  # [B, targets]

    def backward(self, g: Array) -> tuple[Array, None, None, None]:
        return self.dense_backward(g)[0], None, None, None

    def dense_backward(self, g: Array) -> tuple[Array, Array, None, None]:
        g = self.mean.backward(self.dropout.backward(self.fc.backward(g)))
        for layer, squash in reversed(list(zip(self.hidden, self.squash, strict=True))):
            g = layer.backward(squash.backward(g))
        of_matrix = self.normalized.backward(self.spread.of_matrix)
        return g, of_matrix, None, None

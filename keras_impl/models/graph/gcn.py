"""Graph convolutional network in Keras 3, [N, features], edges [E, 2].

Spec, names, paper: shared/specs/graph/gcn.py.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, Dropout, SpecModel, segment_sum
from keras_impl.precision import exact
from shared.specs.graph.gcn import GCNSpec, PooledGCNSpec

Map = Callable[[KerasTensor], KerasTensor]


def over_edges(edges: KerasTensor) -> Map:
    """Compute A x, edge by edge: at each target the sum over its sources."""
    source, target = ops.unstack(edges, 2, 1)
    return lambda x: segment_sum(ops.take(x, source, 0), target, ops.shape(x)[0])


def over_matrix(adjacency: KerasTensor) -> Map:
    """Compute A x by a matrix product."""
    return lambda x: ops.matmul(adjacency, x)


def normalized(neighbours: Map, features: KerasTensor) -> Map:
    """Compute D^-1/2 (A + I) D^-1/2 x (equation 2)."""
    (ones,) = exact((ops.ones_like(features[:, :1]),))
    degree = neighbours(ones) + 1
    root = 1 / ops.sqrt(degree)  # [N, 1]

    def spread(x: KerasTensor) -> KerasTensor:
        y = root * ops.cast(x, root.dtype)
        return ops.cast(root * (neighbours(y) + y), x.dtype)

    return spread


def mean(x: KerasTensor, graph: KerasTensor, sizes: KerasTensor) -> KerasTensor:
    """Average over the nodes of each graph."""
    (full,) = exact((x,))
    total = segment_sum(full, graph, ops.shape(sizes)[0])
    count = ops.cast(ops.maximum(sizes, 1), total.dtype)[:, None]
    return ops.cast(total / count, x.dtype)  # [B, width]


class GraphConvolution(keras.Layer):
    def __init__(self, c_in: int, c_out: int, dropout: float):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = Dense(c_in, c_out, use_bias=False)
        self.bias = self.add_weight((c_out,), "zeros", name="bias")

    def call(
        self, x: KerasTensor, spread: Map, training: bool | None = None
    ) -> KerasTensor:
        x = self.dropout(x, training=training)
        return spread(self.linear(x)) + self.bias  # [N, c_out]


class GCN(SpecModel):
    """Section 3.1, of any depth."""

    def __init__(self, spec: GCNSpec):
        super().__init__(spec)
        self.hidden = [GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes]
        self.out = GraphConvolution(spec.c_out, spec.targets, spec.dropout)

    def call(
        self, features: KerasTensor, edges: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        spread = normalized(over_edges(edges), features)
        return self.classes(features, spread, training)

    def dense(self, features: KerasTensor, adjacency: KerasTensor) -> KerasTensor:
        spread = normalized(over_matrix(adjacency), features)
        return self.classes(features, spread, training=False)

    def classes(
        self, x: KerasTensor, spread: Map, training: bool | None
    ) -> KerasTensor:
        for layer in self.hidden:
            x = ops.relu(layer(x, spread=spread, training=training))
        return self.out(x, spread=spread, training=training)  # [N, targets]


class PooledGCN(SpecModel):
    """Of whole graphs."""

    def __init__(self, spec: PooledGCNSpec):
        super().__init__(spec)
        self.hidden = [GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes]
        self.dropout = Dropout(spec.dropout)
        self.fc = Dense(spec.c_out, spec.targets)

    def call(
        self,
        features: KerasTensor,
        edges: KerasTensor,
        graph: KerasTensor,
        sizes: KerasTensor,
        training: bool | None = None,
    ) -> KerasTensor:
        spread = normalized(over_edges(edges), features)
        return self.classes(features, spread, graph, sizes, training)

    def dense(
        self,
        features: KerasTensor,
        adjacency: KerasTensor,
        graph: KerasTensor,
        sizes: KerasTensor,
    ) -> KerasTensor:
        spread = normalized(over_matrix(adjacency), features)
        return self.classes(features, spread, graph, sizes, training=False)

    def classes(
        self,
        x: KerasTensor,
        spread: Map,
        graph: KerasTensor,
        sizes: KerasTensor,
        training: bool | None,
    ) -> KerasTensor:
        for layer in self.hidden:
            x = ops.relu(layer(x, spread=spread, training=training))
        x = self.dropout(mean(x, graph, sizes), training=training)
        return self.fc(x)  # [B, targets]

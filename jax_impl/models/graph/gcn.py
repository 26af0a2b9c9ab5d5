"""Graph convolutional network in JAX (Flax NNX), [N, features], edges [E, 2].

Spec, names, paper: shared/specs/graph/gcn.py.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, Linear, segment_sum
from jax_impl.precision import exact
from shared.specs.graph.gcn import GCNSpec, PooledGCNSpec

Map = Callable[[Array], Array]


def over_edges(edges: Array) -> Map:
    """Compute A x, edge by edge: at each target the sum over its sources."""
    source, target = edges.T
    return lambda x: segment_sum(x[source], target, len(x))


def over_matrix(adjacency: Array) -> Map:
    """Compute A x by a matrix product."""
    return lambda x: adjacency @ x


def normalized(neighbours: Map, features: Array) -> Map:
    """Compute D^-1/2 (A + I) D^-1/2 x (equation 2)."""
    (ones,) = exact((jnp.ones_like(features[:, :1]),))
    degree = neighbours(ones) + 1
    root = 1 / jnp.sqrt(degree)  # [N, 1]

    def spread(x: Array) -> Array:
        y = root * x
        return (root * (neighbours(y) + y)).astype(x.dtype)

    return spread


def mean(x: Array, graph: Array, sizes: Array) -> Array:
    """Average over the nodes of each graph."""
    (full,) = exact((x,))
    total = segment_sum(full, graph, len(sizes))
    return (total / jnp.maximum(sizes, 1)[:, None]).astype(x.dtype)  # [B, width]


class GraphConvolution(nnx.Module):
    def __init__(self, c_in: int, c_out: int, dropout: float, *, rngs: nnx.Rngs):
        self.dropout = Dropout(dropout, rngs=rngs)
        self.linear = Linear(c_in, c_out, use_bias=False, rngs=rngs)
        self.bias = nnx.Param(jnp.zeros(c_out))

    def __call__(self, x: Array, spread: Map) -> Array:
        return spread(self.linear(self.dropout(x))) + self.bias  # [N, c_out]


class GCN(nnx.Module):
    """Section 3.1, of any depth."""

    def __init__(self, spec: GCNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(
            GraphConvolution(*sizes, spec.dropout, rngs=rngs) for sizes in spec.sizes
        )
        self.out = GraphConvolution(spec.c_out, spec.targets, spec.dropout, rngs=rngs)

    def __call__(self, features: Array, edges: Array) -> Array:
        return self.classes(features, normalized(over_edges(edges), features))

    def dense(self, features: Array, adjacency: Array) -> Array:
        return self.classes(features, normalized(over_matrix(adjacency), features))

    def classes(self, x: Array, spread: Map) -> Array:
        for layer in self.hidden:
            x = nnx.relu(layer(x, spread=spread))
        return self.out(x, spread=spread)  # [N, targets]


class PooledGCN(nnx.Module):
    """Of whole graphs."""

    def __init__(self, spec: PooledGCNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(
            GraphConvolution(*sizes, spec.dropout, rngs=rngs) for sizes in spec.sizes
        )
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.targets, rngs=rngs)

    def __call__(
        self, features: Array, edges: Array, graph: Array, sizes: Array
    ) -> Array:
        spread = normalized(over_edges(edges), features)
        return self.classes(features, spread, graph, sizes)

    def dense(
        self, features: Array, adjacency: Array, graph: Array, sizes: Array
    ) -> Array:
        spread = normalized(over_matrix(adjacency), features)
        return self.classes(features, spread, graph, sizes)

    def classes(self, x: Array, spread: Map, graph: Array, sizes: Array) -> Array:
        for layer in self.hidden:
            x = nnx.relu(layer(x, spread=spread))
        return self.fc(self.dropout(mean(x, graph, sizes)))  # [B, targets]

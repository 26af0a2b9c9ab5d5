"""Graph convolutional network in PyTorch, [N, features], edges [E, 2].

Spec, names, paper: shared/specs/graph/gcn.py.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, segment_sum
from shared.specs.graph.gcn import GCNSpec, PooledGCNSpec

Map = Callable[[Tensor], Tensor]


def over_edges(edges: Tensor) -> Map:
    """Compute A x, edge by edge: at each target the sum over its sources."""
    source, target = edges.unbind(1)
    return lambda x: segment_sum(x.index_select(0, source), target, len(x))


def over_matrix(adjacency: Tensor) -> Map:
    """Compute A x by a matrix product."""
    return lambda x: adjacency @ x


def normalized(neighbours: Map, features: Tensor) -> Map:
    """Compute D^-1/2 (A + I) D^-1/2 x (equation 2)."""
    ones = torch.ones_like(features[:, :1])
    degree = neighbours(ones) + 1
    root = 1 / degree.sqrt()  # [N, 1]

    def spread(x: Tensor) -> Tensor:
        x = root * x
        return root * (neighbours(x) + x)

    return spread


def mean(x: Tensor, graph: Tensor, sizes: Tensor) -> Tensor:
    """Average over the nodes of each graph."""
    total = segment_sum(x, graph, len(sizes))
    return total / sizes.clamp(min=1)[:, None]  # [B, width]


class GraphConvolution(nn.Module):
    def __init__(self, c_in: int, c_out: int, dropout: float):
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = nn.Linear(c_in, c_out, bias=False)
        self.bias = nn.Parameter(torch.empty(c_out))

    def forward(self, x: Tensor, spread: Map) -> Tensor:
        return spread(self.linear(self.dropout(x))) + self.bias  # [N, c_out]


class GCN(nn.Module):
    """Section 3.1, of any depth."""

    def __init__(self, spec: GCNSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(
            GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes
        )
        self.out = GraphConvolution(spec.c_out, spec.targets, spec.dropout)

    def forward(self, features: Tensor, edges: Tensor) -> Tensor:
        return self.classes(features, normalized(over_edges(edges), features))

    def dense(self, features: Tensor, adjacency: Tensor) -> Tensor:
        return self.classes(features, normalized(over_matrix(adjacency), features))

    def classes(self, x: Tensor, spread: Map) -> Tensor:
        for layer in self.hidden:
            x = F.relu(layer(x, spread=spread))
        return self.out(x, spread=spread)  # [N, targets]


class PooledGCN(nn.Module):
    """Of whole graphs."""

    def __init__(self, spec: PooledGCNSpec):
        super().__init__()
        self.spec = spec
        self.hidden = nn.ModuleList(
            GraphConvolution(*sizes, spec.dropout) for sizes in spec.sizes
        )
        self.dropout = Dropout(spec.dropout)
        self.fc = nn.Linear(spec.c_out, spec.targets)

    def forward(
        self, features: Tensor, edges: Tensor, graph: Tensor, sizes: Tensor
    ) -> Tensor:
        spread = normalized(over_edges(edges), features)
        return self.classes(features, spread, graph, sizes)

    def dense(
        self, features: Tensor, adjacency: Tensor, graph: Tensor, sizes: Tensor
    ) -> Tensor:
        spread = normalized(over_matrix(adjacency), features)
        return self.classes(features, spread, graph, sizes)

    def classes(self, x: Tensor, spread: Map, graph: Tensor, sizes: Tensor) -> Tensor:
        for layer in self.hidden:
            x = F.relu(layer(x, spread=spread))
        return self.fc(self.dropout(mean(x, graph, sizes)))  # [B, targets]

"""The graph convolutional network (Kipf, Welling 2017,
https://arxiv.org/abs/1609.02907): each layer mixes a node with its neighbours by the
matrix D^-1/2 (A + I) D^-1/2, where D has the row sums of A + I.

Settled here because the paper leaves it open, or libraries disagree:
  edges      rows of (source, target): A has in row t and column s how many edges go
             from s to t. A link without direction is two edges
  repeated   an edge given twice counts twice
  self-loops those of the data count beside the one that I adds, as in the paper's
             matrix; PyG leaves one of the two
  degrees    D counts the edges that end at a node, and one, also where they differ
             from those that begin there, as PyG has it; so no node has a degree of 0
  matrix     the program `dense` takes A itself, and says the same of it
  bias       added after neighbours are; the paper writes none, its code and PyG can
             have it, and it is in the count
  dropout    of what each layer takes, the last one too
  batch      several graphs are one, without edges between them; `graph` says of each
             node in which it is, `sizes` of each graph how many nodes it has
  graphs     PooledGCN says something of each graph by the mean over its nodes, which of
             a graph without nodes is 0
  start      Glorot's uniform, biases 0

nodes and edges are those of the graphs that examples are drawn with; the weights do not
depend on them.

Names: hidden.{i}.{linear.weight,bias} out.{linear.weight,bias}, of PooledGCN fc
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from shared.arrays import Array, Arrays
from shared.data.batches import SAMPLE, Ragged, laid_out
from shared.definitions.initializers import Initializer, XavierUniform
from shared.fields import Index, Rate, Size
from shared.randomness import generator
from shared.specs.base import Pair, Program, Spec, Tensor, Variant
from shared.tensors import NODES, edges, owners


@dataclass(frozen=True, kw_only=True)
class _Graphs(Spec):
    """Graphs are read by layers of these widths.

    hidden: the widths of the layers before the last.
    """

    features: Size
    hidden: tuple[Size, ...]
    targets: Size
    dropout: Rate = 0.5
    nodes: Size = 8
    edges: Index = 16

    cases: ClassVar[tuple[str, ...]] = (
        "no edges",
        "isolated nodes",
        "self-loops",
        "repeated edges",
        "single nodes",
    )

    def starts(self) -> Mapping[str, Initializer]:
        return {"*.weight": XavierUniform()}

    @property
    def sizes(self) -> tuple[Pair, ...]:
        """The width of what each hidden layer takes, and of what it puts out."""
        return tuple(pairwise((self.features, *self.hidden)))

    @property
    def c_out(self) -> int:
        return (self.features, *self.hidden)[-1]

    @property
    def of_nodes(self) -> Tensor:
        return Tensor("features", (self.features,), rows=NODES)

    @property
    def adjacency(self) -> Tensor:
        """A, here of one graph."""
        return Tensor("adjacency", (self.nodes,), rows=NODES)

    def graphs(self, batch: int, seed: int, case: str = "") -> tuple[Ragged, Ragged]:
        """Draw the features and the edges of so many graphs, each one node smaller than
        the one before it."""
        draw = generator("graphs", seed)
        counts = np.array([self.nodes - k % self.nodes for k in range(batch)])
        if case == "single nodes":
            counts[:] = 1
        elif case == "a graph without nodes":
            counts[batch // 2] = 0
        x = draw.standard_normal((counts.sum(), self.features)).astype(np.float32)
        pairs = [self._pairs(draw, n, case) for n in counts]
        ends = Ragged(np.concatenate(pairs), np.array([len(p) for p in pairs]), into=0)
        return Ragged(x, counts), ends

    def _pairs(self, draw: np.random.Generator, nodes: int, case: str) -> Array:
        """Draw the edges of one graph."""
        if case == "no edges" or nodes == 0:
            return np.zeros((0, 2), np.int64)
        reached = max(nodes // 2, 1) if case == "isolated nodes" else nodes
        pairs = draw.integers(0, reached, (self.edges, 2))
        if case == "self-loops":
            pairs[::2, 1] = pairs[::2, 0]
        return pairs.repeat(2, axis=0) if case == "repeated edges" else pairs


@dataclass(frozen=True, kw_only=True)
class GCNSpec(_Graphs):
    """Of each node, by which class it is in."""

    def inputs(self) -> tuple[Tensor, ...]:
        return self.of_nodes, edges("edges")

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.targets,), rows=NODES),)

    def programs(self) -> Mapping[str, Program]:
        given = self.of_nodes, self.adjacency
        return {
            "dense": Program("dense", given, self.outputs(False), differentiable=True)
        }

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        return laid_out(self.graphs(batch, seed, case))

    def asked(self, program: str, batch: int, seed: int) -> Arrays:
        return as_matrix(self.examples(batch, seed))


@dataclass(frozen=True, kw_only=True)
class PooledGCNSpec(_Graphs):
    """Of each graph, by which class it is in."""

    cases: ClassVar[tuple[str, ...]] = (*_Graphs.cases, "a graph without nodes")

    def inputs(self) -> tuple[Tensor, ...]:
        return self.of_nodes, edges("edges"), owners("graph"), self.counts

    def outputs(self, training: bool) -> tuple[Tensor, ...]:
        return (Tensor("logits", (self.targets,)),)

    def programs(self) -> Mapping[str, Program]:
        given = self.of_nodes, self.adjacency, owners("graph"), self.counts
        return {
            "dense": Program("dense", given, self.outputs(False), differentiable=True)
        }

    def examples(self, batch: int, seed: int, case: str = "") -> Arrays:
        x, ends = self.graphs(batch, seed, case)
        graph = Ragged(np.zeros(len(x.values), np.int64), x.counts, into=SAMPLE)
        return laid_out((x, ends, graph, x.counts))

    def asked(self, program: str, batch: int, seed: int) -> Arrays:
        return as_matrix(self.examples(batch, seed))

    @property
    def counts(self) -> Tensor:
        return Tensor("sizes", (), below=self.nodes + 1)


def as_matrix(inputs: Arrays) -> Arrays:
    """Give the same inputs with the matrix A in the place of the edges."""
    x, ends, *others = inputs
    adjacency = np.zeros((len(x), len(x)), np.float32)
    np.add.at(adjacency, (ends[:, 1], ends[:, 0]), 1)
    return x, adjacency, *others


_SUM = "sum over its layers"
VARIANTS = {
    "gcn_tiny": Variant(
        GCNSpec(features=5, hidden=(7, 4), targets=3, dropout=0.25, nodes=6, edges=9),
        89,
        _SUM,
        tiny=True,
    ),
    "gcn_tiny_pooled": Variant(
        PooledGCNSpec(
            features=6, hidden=(5,), targets=4, dropout=0.3, nodes=5, edges=7
        ),
        59,
        _SUM,
        tiny=True,
    ),
    "gcn_cora": Variant(
        GCNSpec(features=1433, hidden=(16,), targets=7, nodes=2708, edges=10556),
        23_063,
        "sum over the layers of Kipf, Welling 2017 for Cora, with biases",
    ),
    "gcn_karate": Variant(
        GCNSpec(features=34, hidden=(16,), targets=2, nodes=34, edges=156), 594, _SUM
    ),
    "gcn_mutag": Variant(
        PooledGCNSpec(features=7, hidden=(64, 64, 64), targets=2, nodes=18, edges=40),
        8_962,
        "PyG's tutorial on graph classification, summed over its layers",
    ),
}

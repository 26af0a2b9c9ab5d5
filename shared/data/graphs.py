"""Graphs: Zachary's karate club, which is written down here, and citation graphs.

A graph is one sample, of nodes, edges and labels as ragged parts. Where some of its
nodes are to train and others to test, each part has the whole graph, and -1 for the
labels that are not its own.
"""

import pickle
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.data.batches import Dataset, Ragged, Samples
from shared.data.files import data_folder
from shared.errors import UsageError, brief
from shared.randomness import generator

UNKNOWN = -1
# Who met whom outside the club (Zachary 1977, https://doi.org/10.1086/jar.33.4.3629752,
# figure 1): each member, counted from 0, with those of a higher number.
LINKS = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
# Who went with the instructor, member 0, when the club split (table 1); the others went
# with the administrator, member 33.
INSTRUCTOR, ADMINISTRATOR = 0, 33
WITH_INSTRUCTOR = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)


def both_ways(links: dict[int, tuple[int, ...]]) -> Array:
    """Rows of (source, target): each link is an edge there and one back."""
    pairs = np.array([(a, b) for a, others in links.items() for b in others])
    return np.concatenate([pairs, pairs[:, ::-1]])


def karate() -> Dataset:
    """34 members, 78 links; each member is its own feature. Of the two leaders alone it
    is known with whom they go; of the others ten are to validate, 22 to test."""
    sides = np.ones(34, np.int64)
    sides[list(WITH_INSTRUCTOR)] = 0
    leaders = [INSTRUCTOR, ADMINISTRATOR]
    others = np.setdiff1d(np.arange(34), leaders)
    others = generator("karate").permutation(others)
    parts = leaders, others[:10], others[10:]
    return of_nodes(np.eye(34, dtype=np.float32), both_ways(LINKS), sides, parts)


def of_nodes(
    features: Array, edges: Array, labels: Array, parts: tuple[Array | list[int], ...]
) -> Dataset:
    """One graph, of whose nodes the parts are to train, to validate and to test."""
    count = np.array([len(features)])
    nodes = Ragged(features, count)
    ends = Ragged(edges, np.array([len(edges)]), into=0)

    def of(part: Array | list[int]) -> Samples:
        own = np.full(len(features), UNKNOWN)
        own[part] = labels[part]
        return Samples((nodes, ends), (Ragged(own, count),))

    train, validation, test = map(of, parts)
    return Dataset(train, validation, test)


# Files of Yang, Cohen, Salakhutdinov 2016 (https://arxiv.org/abs/1603.08861), one
# pickle each but for the last, which is text.
PLANETOID = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
VALIDATION = 500


def planetoid(name: str) -> Dataset:
    """A citation graph as Kipf and Welling 2017 divide it (section 5.2): the nodes of x
    to train, the next 500 to validate, those of tx to test. Links are edges both ways,
    each once; features are divided by their sum."""
    files = [f"ind.{name}.{part}" for part in PLANETOID]
    folder = data_folder(f"planetoid-{name}", files)
    x, _, tx, ty, allx, ally, links = (read_pickle(folder / f) for f in files[:-1])
    tested = np.loadtxt(folder / files[-1], np.int64, ndmin=1)
    features = np.zeros((len(links), allx.shape[1]), np.float32)
    labels = np.zeros(len(links), np.int64)
    for places, given, classes in (
        (np.arange(allx.shape[0]), allx, ally),
        (tested, tx, ty),
    ):
        features[places], labels[places] = given.dense(), classes.argmax(1)
    features /= np.maximum(features.sum(1, keepdims=True), 1)
    pairs = np.array([(a, b) for a, others in links.items() for b in others if a != b])
    edges = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    train = np.arange(x.shape[0])
    validation = np.arange(len(train), len(train) + VALIDATION)
    return of_nodes(features, edges, labels, (train, validation, np.sort(tested)))


class Rows:
    """A sparse matrix as its pickle holds it: row by row columns and values."""

    indptr: Array
    indices: Array
    data: Array
    _shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def dense(self) -> Array:
        found = np.zeros(self.shape, np.float32)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        found[rows, self.indices] = self.data
        return found


class _Plain(pickle.Unpickler):
    """Reads arrays, sparse matrices and dictionaries; a pickle of anything else could
    run what it likes."""

    ALLOWED = {
        ("scipy.sparse.csr", "csr_matrix"): Rows,
        ("scipy.sparse._csr", "csr_matrix"): Rows,
        ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "defaultdict"): defaultdict,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}")
        return self.ALLOWED[module, name]


def read_pickle(path: Path) -> Any:
    """What a pickle of Python 2 or 3 holds, if that is plain."""
    try:
        with path.open("rb") as file:
            return _Plain(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise UsageError(f"{path}: not a readable pickle ({brief(error)})") from None

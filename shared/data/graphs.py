"""Graphs: Zachary's karate club, which is written down here, and citation graphs.

A graph is one sample, of nodes, edges and labels as ragged parts. Where some of its
nodes are to train and others to test, each part has the whole graph, and -1 for the
labels that are not its own.
"""

import pickle
import pickletools
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from shared import reading
from shared.arrays import Array
from shared.data.batches import Dataset, Ragged, Samples
from shared.data.files import data_folder
from shared.errors import UsageError, one_line
from shared.randomness import generator
from shared.reading import MEGABYTE, content, parsed

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
    """Turn links into rows of (source, target): each is an edge there and one back."""
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
    parts = {part: folder / file for part, file in zip(PLANETOID, files, strict=True)}
    known, given, others = (_features(parts[p]) for p in ("x", "tx", "allx"))
    _classes(parts["y"], len(known))
    given_classes = _classes(parts["ty"], len(given))
    other_classes = _classes(parts["ally"], len(others))
    links = _links(parts["graph"])
    tested = _numbers(parts["test.index"], len(given), len(links))
    if len(known) + VALIDATION > len(others) or len(others) > len(links):
        raise UsageError(
            f"{folder}: {len(known)} nodes in x, {len(others)} in allx, {len(links)} "
            f"in graph; allowed: {VALIDATION} more in allx than in x, at most graph's"
        )
    if given.shape[1] != others.shape[1]:
        raise UsageError(
            f"{parts['tx']}: {given.shape[1]} features; allx has {others.shape[1]}"
        )
    features = np.zeros((len(links), others.shape[1]), np.float32)
    labels = np.zeros(len(links), np.int64)
    features[: len(others)], labels[: len(others)] = others, other_classes
    features[tested], labels[tested] = given, given_classes
    features /= np.maximum(features.sum(1, keepdims=True), 1)
    pairs = np.array([(a, b) for a, ends in links.items() for b in ends if a != b])
    edges = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    train = np.arange(len(known))
    validation = np.arange(len(train), len(train) + VALIDATION)
    return of_nodes(features, edges, labels, (train, validation, np.sort(tested)))


def _features(path: Path) -> Array:
    found = read_pickle(path)
    if not isinstance(found, Rows):
        raise UsageError(f"{path}: holds a {type(found).__name__}; allowed: csr_matrix")
    return found.dense(path)


def _classes(path: Path, rows: int) -> Array:
    """Of each row the class whose column has the 1."""
    found = read_pickle(path)
    if (
        not isinstance(found, np.ndarray)
        or found.ndim != 2
        or found.dtype.kind not in "iuf"
    ):
        raise UsageError(f"{path}: no matrix of one row a node, one column a class")
    if len(found) != rows:
        raise UsageError(f"{path}: {len(found)} rows for {rows} nodes")
    wrong = np.flatnonzero((found != 0).sum(1) > 1)
    if len(wrong) or not found.shape[1]:
        where = f"row {wrong[0]} has several classes" if len(wrong) else "no columns"
        raise UsageError(f"{path}: {where}; allowed: at most one 1 in a row")
    classes: Array = found.argmax(1)
    return classes


def _links(path: Path) -> dict[int, list[int]]:
    """Read each node's neighbours, and refuse what is no node."""
    found = read_pickle(path)
    if not isinstance(found, dict) or not found:
        raise UsageError(f"{path}: no dictionary of nodes")

    def is_node(value: object) -> bool:
        return type(value) is int and 0 <= value < len(found)

    for node, ends in found.items():
        if not (is_node(node) and isinstance(ends, list) and all(map(is_node, ends))):
            raise UsageError(
                f"{path}: node {one_line(node)}: allowed: a list of nodes, whole "
                f"numbers from 0 to {len(found) - 1}"
            )
    if not any(end != node for node, ends in found.items() for end in ends):
        raise UsageError(f"{path}: no link between two nodes")
    return found


def _numbers(path: Path, wanted: int, nodes: int) -> Array:
    """The nodes that are tested, a line each."""
    lines = reading.text(path).split()
    wrong = [k for k, x in enumerate(lines) if not (x.isascii() and x.isdecimal())]
    wrong = wrong or [k for k, x in enumerate(lines) if len(x) > 9 or int(x) >= nodes]
    if wrong:
        said = one_line(lines[wrong[0]][:40])
        raise UsageError(
            f"{path}: number {wrong[0]} is {said!r}; allowed: a node from 0 to "
            f"{nodes - 1}"
        )
    if len(lines) != wanted or len({int(x) for x in lines}) != wanted:
        raise UsageError(f"{path}: {len(lines)} nodes; allowed: {wanted}, each once")
    return np.array([int(x) for x in lines], np.int64)


# Of a graph's features, held as float32; Cora has 4 million.
MOST_FEATURES = 1 << 28


class Rows:
    """A sparse matrix as its pickle holds it: row by row columns and values."""

    indptr: Array
    indices: Array
    data: Array
    _shape: tuple[int, int]

    def dense(self, path: Path) -> Array:
        self._check(path)
        found = np.zeros(self._shape, np.float32)
        rows = np.repeat(np.arange(self._shape[0]), np.diff(self.indptr))
        found[rows, self.indices] = self.data
        return found

    def _check(self, path: Path) -> None:
        """Refuse parts that do not belong together, as a damaged pickle has them."""
        shape = getattr(self, "_shape", None)
        sizes = isinstance(shape, tuple) and len(shape) == 2
        if not sizes or not all(type(n) is int and n >= 1 for n in self._shape):
            raise UsageError(f"{path}: no sparse matrix of so many rows and columns")
        rows, columns = self._shape
        if rows * columns > MOST_FEATURES:
            raise UsageError(
                f"{path}: {rows} rows of {columns} features; allowed: "
                f"{MOST_FEATURES:,} in all"
            )
        starts, places, values = (
            self._part(path, *part)
            for part in (("indptr", "iu"), ("indices", "iu"), ("data", "iuf"))
        )
        if len(starts) != rows + 1 or len(places) != len(values):
            raise UsageError(f"{path}: indptr, indices and data of unequal lengths")
        ends = (int(starts[0]), int(starts[-1]))
        if ends != (0, len(values)) or (starts[1:] < starts[:-1]).any():
            raise UsageError(f"{path}: indptr does not go from 0 up to {len(values)}")
        wrong = np.flatnonzero((places < 0) | (places >= columns))
        if len(wrong):
            raise UsageError(
                f"{path}: value {wrong[0]} is in column {places[wrong[0]]}; allowed: "
                f"from 0 to {columns - 1}"
            )
        if not np.isfinite(values).all():
            raise UsageError(f"{path}: its data hold what is no finite number")

    def _part(self, path: Path, name: str, kinds: str) -> Array:
        found = getattr(self, name, None)
        if not isinstance(found, np.ndarray) or found.ndim != 1:
            raise UsageError(f"{path}: its {name} is no array of one axis")
        if found.dtype.kind not in kinds:
            raise UsageError(f"{path}: its {name} has dtype {found.dtype}")
        return found


class _Kind:
    """Stands for numpy.ndarray, which a pickle only names: by itself it would make an
    array of any size."""


def _empty(kind: object, shape: object, letter: object) -> Array:
    """The array that a pickle begins with; its state gives it shape and values."""
    if kind is not _Kind or shape != (0,):
        raise pickle.UnpicklingError("an array that does not begin empty")
    return np.ndarray((0,), np.int8)


def _encoded(text: str, name: str) -> bytes:
    """Bytes, as a pickle of an old protocol spells them."""
    if name != "latin1":
        raise pickle.UnpicklingError(f"bytes as {name}")
    return text.encode("latin1")


class _Plain(pickle.Unpickler):
    """Reads arrays, sparse matrices and dictionaries; a pickle of anything else could
    run what it likes."""

    ALLOWED = {
        ("scipy.sparse.csr", "csr_matrix"): Rows,
        ("scipy.sparse._csr", "csr_matrix"): Rows,
        ("numpy.core.multiarray", "_reconstruct"): _empty,
        ("numpy._core.multiarray", "_reconstruct"): _empty,
        ("numpy", "ndarray"): _Kind,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encoded,
        ("collections", "defaultdict"): defaultdict,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}")
        return self.ALLOWED[module, name]


PICKLE_BYTES = 256 * MEGABYTE


def read_pickle(path: Path) -> Any:
    """What a pickle of Python 2 or 3 holds, if that is plain."""
    found = content(path, PICKLE_BYTES)
    with parsed(path, "a readable pickle", *_BROKEN_PICKLE):
        _refuse_far_marks(found)
        return _Plain(BytesIO(found), encoding="latin1").load()


# A pickle is a program; damaged, it may do what an operator does with anything.
_BROKEN_PICKLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SystemError,  # NumPy's, of a dtype
    TypeError,
    ValueError,
)


def _refuse_far_marks(found: bytes) -> None:
    """Python keeps room for every number below the largest that something is
    remembered under."""
    for code, argument, _ in pickletools.genops(found):
        if "PUT" in code.name and argument is not None and argument > len(found):
            raise pickle.UnpicklingError(f"it remembers something as {argument}")

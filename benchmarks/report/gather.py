"""What a page needs of a framework: the layers of a model. One worker, PyTorch's; no
weights are made for the large ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parity_tests.engine import SEED, request
from shared.arrays import Array
from shared.catalog import FAMILIES, variant
from shared.contract import path_of
from shared.running.client import Worker, WorkerFailure

BATCH = 2
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Traced:
    """A model was built, and perhaps run, to see its shapes.

    tensors: the shape of each, and whether it is trained.
    left: what each named layer put out, without the batch; empty if it was not run.
    """

    model: str
    tensors: Mapping[str, tuple[Shape, bool]] = field(default_factory=dict)
    left: Mapping[str, Shape] = field(default_factory=dict)
    outputs: tuple[Shape, ...] = ()
    failed: str = ""


@dataclass
class Node:
    """A layer, with what is below it; `parameters` counts all of it.

    shape: what its first call put out; calls: how many there were.
    """

    name: str
    path: str
    shape: Shape | None = None
    parameters: int = 0
    calls: int = 0
    tensors: list[tuple[str, Shape, bool]] = field(default_factory=list)
    below: list["Node"] = field(default_factory=list)


def traces(run: Sequence[str], built: Sequence[str] = ()) -> dict[str, Traced]:
    """The layers of small models as they run, and of large ones as they are built."""
    found: dict[str, Traced] = {}
    try:
        with Worker("pytorch", timeout=120.0) as worker:
            for name in run:
                found[name] = _run(worker, name)
            for name in built:
                found[name] = _built(worker, name)
    except WorkerFailure as failure:
        missing = [name for name in (*run, *built) if name not in found]
        found |= {name: Traced(name, failed=str(failure)) for name in missing}
    return found


def _run(worker: Worker, name: str) -> Traced:
    spec = variant(name).spec
    asked = request(spec, BATCH, training=False)
    model = worker.build(spec, name)
    model.fill(SEED)
    done = model.run(type(asked)(asked.inputs, trace=True))
    tensors = {
        k: (tuple(entry.shape), entry.trainable) for k, entry in model.entries().items()
    }
    model.drop()
    rows = {len(array) for array in asked.inputs}
    left = {path: _alone(layer.left, rows) for path, layer in done.layers.items()}
    return Traced(name, tensors, left, tuple(_alone(o, rows) for o in done.outputs))


def _built(worker: Worker, name: str) -> Traced:
    model = worker.build(variant(name).spec, name)
    tensors = {
        k: (tuple(entry.shape), entry.trainable) for k, entry in model.entries().items()
    }
    model.drop()
    return Traced(name, tensors)


def _alone(array: Array, rows: set[int]) -> Shape:
    """Give the shape of one row, where the first axis counts samples, nodes or the
    like."""
    found = tuple(int(n) for n in array.shape)
    return found[1:] if rows.intersection(found[:1]) else found


def smallest(family: str) -> str:
    """Give the family's first variant that runs in milliseconds."""
    variants = FAMILIES[family].VARIANTS
    return next(name for name, found in variants.items() if found.tiny)


def tree(found: Traced) -> Node:
    """Layers by their dotted names, in the order in which they have tensors or ran."""
    top = Node(found.model, "")
    for path in _in_order(found):
        node = _at(top, path)
        node.shape = found.left.get(path)
        node.calls = sum(path_of(call) == path for call in found.left)
    for name, (shape, trainable) in found.tensors.items():
        path, _, leaf = name.rpartition(".")
        node = _at(top, path) if path else top
        node.tensors.append((leaf, shape, trainable))
    _count(top)
    return top


def _in_order(found: Traced) -> list[str]:
    """Definition's order where there are tensors; what has none goes where it ran."""
    paths = list(dict.fromkeys(name.rpartition(".")[0] for name in found.tensors))
    ran = list(dict.fromkeys(path_of(call) for call in found.left))
    for i, path in enumerate(ran):
        if path not in paths:
            before = next((p for p in reversed(ran[:i]) if p in paths), None)
            paths.insert(0 if before is None else paths.index(before) + 1, path)
    return [path for path in paths if path]


def _at(top: Node, path: str) -> Node:
    node = top
    parts = path.split(".")
    for i, part in enumerate(parts):
        known = next((n for n in node.below if n.name == part), None)
        if known is None:
            known = Node(part, ".".join(parts[: i + 1]))
            node.below.append(known)
        node = known
    return node


def _count(node: Node) -> int:
    own = 0
    for _, shape, trainable in node.tensors:
        size = 1
        for n in shape:
            size *= n
        own += size if trainable else 0
    node.parameters = own + sum(_count(one) for one in node.below)
    return node.parameters

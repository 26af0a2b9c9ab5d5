"""Which module of a port is which of the reference, also of those without weights."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from parity_tests.ports.dumps import Call, Dump, Module
from parity_tests.ports.matching import Matching

FAMILIES = (
    "leakyrelu",
    "relu6",
    "relu",
    "gelu",
    "silu",
    "swish",
    "sigmoid",
    "tanh",
    "softmax",
    "flatten",
    "globalaverage",
    "adaptiveavg",
    "average",
    "avg",
    "max",
    "upsampl",
)
POOLS = ("average", "max")
ACTIVATIONS = ("leakyrelu", "relu6", "relu", "gelu", "silu", "sigmoid", "tanh")
SAME = {"avg": "average", "swish": "silu", "adaptiveavg": "globalaverage"}


@dataclass(frozen=True)
class Met:
    """One call of the reference and the port's call of the same layer."""

    reference: Call
    other: Call

    @property
    def name(self) -> str:
        return self.reference.name

    def again(self, calls: tuple[Call, ...]) -> Call | None:
        """The port's call in another run."""
        wanted = self.other.path, self.other.number
        return next((c for c in calls if (c.path, c.number) == wanted), None)


def modules_of(matching: Matching, reference: Dump, other: Dump) -> dict[str, str]:
    """The port's modules -> the reference's: layers, what holds them, what has none."""
    found = _of_a_kind(matching.layers)
    found |= _holders(found, reference, other)
    for two, one in [("", ""), *found.items()]:
        found |= _bare(one, two, found, reference, other)
    return found | _behind(found, reference, other)


def _of_a_kind(layers: Mapping[str, str]) -> dict[str, str]:
    """Without those of which one holds other layers and the other none: a block that
    has a scale of its own is not the layer that scales."""

    def holding(paths: set[str]) -> set[str]:
        parents = (path.rpartition(".")[0] for path in paths)
        found: set[str] = set()
        for parent in parents:
            while parent:
                found.add(parent)
                parent = parent.rpartition(".")[0]
        return found

    ones, twos = holding(set(layers.values())), holding(set(layers))
    return {b: a for b, a in layers.items() if (a in ones) == (b in twos)}


def _behind(known: Mapping[str, str], reference: Dump, other: Dump) -> dict[str, str]:
    """Modules without weights that run behind one layer and do the same, wherever they
    are held; where one model has another number of them nothing is said."""
    ours = _following(reference, {one: one for one in known.values()})
    theirs = _following(other, known)
    pairs = {
        (theirs[key][0], ours[key][0])
        for key in ours.keys() & theirs.keys()
        if len(ours[key]) == len(theirs[key]) == 1
    }
    number = Counter(two for two, _ in pairs)
    return {two: one for two, one in pairs if number[two] == 1}


def _following(
    dump: Dump, known: Mapping[str, str]
) -> dict[tuple[str, str], list[str]]:
    """What runs behind each known layer, by that one's name and by what it does."""
    holding = {weight.module for weight in dump.weights}
    found: dict[tuple[str, str], list[str]] = {}
    last = ""
    for path in dump.order:
        if path in known and path in holding:
            last = known[path]
            continue
        family = family_of(dump.modules[path]) if path in dump.modules else ""
        if family and path not in known:
            found.setdefault((last, family), []).append(path)
    return found


def _holders(layers: Mapping[str, str], one: Dump, two: Dump) -> dict[str, str]:
    """Modules that hold the same layers; of several around the same each, where both
    models have as many, else the outermost."""
    ours = _by_content(_held(one, set(layers.values())), set(layers.values()))
    theirs = _by_content(_held(two, set(layers)), set(layers))
    found: dict[str, str] = {}
    for held, paths in theirs.items():
        known = ours.get(frozenset(layers[layer] for layer in held), [])
        number = len(known) if len(known) == len(paths) else 1
        found |= dict(zip(paths[:number], known[:number], strict=False))
    return found


def _by_content(
    held: Mapping[str, frozenset[str]], layers: set[str]
) -> dict[frozenset[str], list[str]]:
    """What holds the same layers, the outermost first."""
    found: dict[frozenset[str], list[str]] = {}
    for path, content in held.items():
        if path not in layers:
            found.setdefault(content, []).append(path)
    return {content: sorted(paths, key=len) for content, paths in found.items()}


def _held(dump: Dump, layers: set[str]) -> dict[str, frozenset[str]]:
    inside: dict[str, set[str]] = {}
    for layer in layers:
        parent = layer.rpartition(".")[0]
        while parent:
            if parent in dump.modules:
                inside.setdefault(parent, set()).add(layer)
            parent = parent.rpartition(".")[0]
    return {path: frozenset(inside[path]) for path in dump.modules if path in inside}


def _bare(
    one: str, two: str, known: Mapping[str, str], reference: Dump, other: Dump
) -> dict[str, str]:
    """Of two modules that are one: their children without weights, by kind and order,
    where both have as many of a kind."""
    ours = _children(reference, one, set(known.values()))
    theirs = _children(other, two, set(known))
    found: dict[str, str] = {}
    for family in ours.keys() & theirs.keys():
        if len(ours[family]) == len(theirs[family]):
            found |= dict(zip(theirs.pop(family), ours.pop(family), strict=True))
    for group in (POOLS, ACTIVATIONS):  # one kind of them in the place of another
        left = [[p for f in group for p in side.get(f, ())] for side in (ours, theirs)]
        if len(left[0]) == len(left[1]) == 1:
            found[left[1][0]] = left[0][0]
    return found


def _children(dump: Dump, path: str, known: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for child in _below(dump, path):
        if child.path not in known and (family := family_of(child)):
            found.setdefault(family, []).append(child.path)
    for paths in found.values():
        paths.sort(key=lambda p: dump.order.index(p) if p in dump.order else 1 << 30)
    return found


def _below(dump: Dump, path: str) -> Iterator[Module]:
    """A module's children, and those of containers that are not called themselves."""
    for child in dump.modules[path].children if path in dump.modules else ():
        if child not in dump.modules:
            continue
        yield dump.modules[child]
        if child not in dump.order:
            yield from _below(dump, child)


def family_of(module: Module) -> str:
    """What a layer without weights does, whatever it is called."""
    kind = re.sub(r"[^a-z0-9]", "", module.kind.lower())
    if kind == "activation":
        kind = str(module.settings.get("activation", ""))
    hit = next((family for family in FAMILIES if family in kind), "")
    return SAME.get(hit, hit)


def meet(
    modules: Mapping[str, str], one: tuple[Call, ...], two: tuple[Call, ...]
) -> list[Met]:
    """The calls that both made, in the order in which the reference's end.

    Where the port has several modules for one that is called again, theirs are counted
    together.
    """
    shared = Counter(modules.get(path) for path in {call.path for call in two})
    seen: Counter[str] = Counter()
    theirs: dict[tuple[str | None, int], Call] = {}
    for call in two:
        own = modules.get(call.path)
        number = call.number
        if own is not None and shared[own] > 1:
            seen[own] += 1
            number = seen[own]
        theirs[own, number] = call
    return [
        Met(call, theirs[call.path, call.number])
        for call in one
        if call.path and (call.path, call.number) in theirs
    ]

"""Which layer of a port is which of the reference: modules first, then their parts."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.assignment import assign
from parity_tests.ports.codecs import Layer, Part, sliced
from parity_tests.ports.names import apart_of, counted, likeness, opposed
from parity_tests.ports.names import words as known_words
from parity_tests.ports.table import Table, matched
from shared.errors import UsageError

Token = tuple[object, ...]
Key = Callable[[Layer], Token]
Chain = Mapping[str, str]
# Of two orders that differ by the whole model, two names without a common word, a query
# and a key, and layers between others.
ORDER, NAME, ROLE, CHAIN = 3.0, 1.0, 2.0, 2.0
# How far away a layer's neighbours tell something of it.
STEPS = 4


@dataclass(frozen=True)
class Pair:
    """A layer of the reference and the port's, and what they were paired by."""

    reference: Layer
    other: Layer
    why: str

    @property
    def roles(self) -> dict[str, str]:
        """The reference's parts -> the port's: of one name, or of one kind and size."""
        ones, twos = dict(self.reference.parts), dict(self.other.parts)
        found = {role: role for role in ones if role in twos}
        left = [role for role in twos if role not in found]
        for role in [role for role in ones if role not in found]:
            fits = [r for r in left if _fits(ones[role], twos[r])]
            if fits:
                found[role] = fits[0]
                left.remove(fits[0])
        return found

    @property
    def parts(self) -> dict[str, tuple[Part, Part]]:
        """The parts that both have in the same shape, by the reference's role."""
        ones, twos = self.reference.parts, self.other.parts
        return {
            one: (ones[one], twos[two])
            for one, two in self.roles.items()
            if _size(ones[one]) == _size(twos[two])
        }

    @property
    def renames(self) -> dict[str, str]:
        """The port's names of tensors -> the reference's."""
        roles = self.roles
        return {
            _named(self.other, roles[one]): _named(self.reference, one)
            for one in self.parts
        }


@dataclass
class Matching:
    pairs: list[Pair] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # only the reference has them
    extra: list[str] = field(default_factory=list)  # only the port has them
    misshapen: list[str] = field(default_factory=list)

    @property
    def renames(self) -> dict[str, str]:
        """The port's names of tensors -> the reference's."""
        return {n: to for pair in self.pairs for n, to in pair.renames.items()}

    @property
    def layers(self) -> dict[str, str]:
        """The port's modules -> the reference's, of layers that are whole modules."""
        return {
            pair.other.path: pair.reference.path
            for pair in self.pairs
            if _is_module(pair.other) and _is_module(pair.reference)
        }


def _is_module(layer: Layer) -> bool:
    return layer.whole and layer.path == layer.module


def _named(layer: Layer, role: str) -> str:
    return f"{layer.path}.{role}" if layer.path else role


def _fits(one: Part, two: Part) -> bool:
    tables = {one.kind, two.kind} == {"embedding", "other"}
    alike = one.kind == two.kind or tables or (_is_free(one) and _is_free(two))
    return alike and _size(one) == _size(two)


def _size(part: Part) -> tuple[int, ...]:
    return tuple(n for n in part.shape if n != 1)


def match(
    reference: Mapping[str, Layer],
    other: Mapping[str, Layer],
    table: Table | None = None,
    chains: tuple[Chain, Chain] = ({}, {}),
) -> Matching:
    """Pairs the layers of two models; what is left on either side is listed.

    chains: of both models, from which module each one's input came.
    """
    work = _Matcher(dict(reference), dict(other))
    work.colour(chains)
    work.given(table or {})
    work.equal_names()
    work.fused()
    for key, why in KEYS:
        work.by(key, why)
    work.apart()
    for key, why in (*KEYS, (_tables, "shapes of tables")):
        work.by(key, why)
    work.transposed()
    return work.result()


def _whole(layer: Layer) -> Token:
    return tuple(sorted((p.role, p.kind, p.shape) for p in _told(layer)))


def _main(layer: Layer) -> Token:
    """Without its biases: a port may lack one, which is then said."""
    return tuple(
        sorted((p.role, p.kind, p.shape) for p in _told(layer) if p.kind != "bias")
    )


def _squeezed(layer: Layer) -> Token:
    """Whatever axes of one value there are, and whatever a lone vector is called."""
    parts = _told(layer)
    if len(parts) == 1 and _is_free(parts[0]):
        return ("", _size(parts[0]))
    return tuple(sorted((p.role, p.kind, _size(p)) for p in parts))


def _is_free(part: Part) -> bool:
    """A scale of a branch, which one calls gamma and another layer_scale."""
    return part.kind == "other" or (part.kind == "weight" and len(_size(part)) < 2)


def _sizes(layer: Layer) -> Token:
    """By kind and shape alone: a module's own parameters under other names."""
    return tuple(sorted((p.kind, _size(p)) for p in _told(layer)))


def _tables(layer: Layer) -> Token:
    """A table of positions is an embedding in one model, a lone tensor in the other."""
    parts = _told(layer)
    lone = len(parts) == 1 and parts[0].kind in ("embedding", "other")
    return ("", _size(parts[0])) if lone else ()


def _told(layer: Layer) -> list[Part]:
    """Tables that are computed, and not trained, need no counterpart."""
    return [p for p in layer.parts.values() if p.trainable or p.kind != "other"]


KEYS: tuple[tuple[Key, str], ...] = (
    (_whole, "order, shapes and names"),
    (_main, "order, shapes and names, a bias apart"),
    (_squeezed, "shapes but for axes of one"),
    (_sizes, "shapes, under other names"),
)


Colours = dict[str, list[int]]


def colours(layers: Mapping[str, Layer], chain: Chain) -> Colours:
    """What a layer and its neighbours are, one step further away each time.

    Neighbours are those that its input came from, and went to, by way of modules that
    hold nothing (after Weisfeiler and Leman 1968).
    """
    if not chain:
        return {}
    own = {layer.module: path for path, layer in layers.items() if layer.whole}
    before = {path: _source(m, own, chain) for m, path in own.items()}
    behind: dict[str, list[str]] = {}
    for path, source in before.items():
        if source:
            behind.setdefault(source, []).append(path)
    now = {path: hash(_whole(layer)) for path, layer in layers.items()}
    found: Colours = {path: [] for path in layers}
    for _ in range(STEPS):
        now = {
            path: hash(
                (
                    now[path],
                    now.get(before.get(path, ""), 0),
                    tuple(sorted(now[p] for p in behind.get(path, ()))),
                )
            )
            for path in layers
        }
        for path, colour in now.items():
            found[path].append(colour)
    return found


def _source(module: str, own: Mapping[str, str], chain: Chain) -> str:
    """The layer that a module's input came from; empty where it cannot be told."""
    seen = {module}
    module = chain.get(module, "")
    while module and module not in own and module not in seen:
        seen.add(module)
        module = chain.get(module, "")
    return own.get(module, "")


class _Matcher:
    def __init__(self, reference: dict[str, Layer], other: dict[str, Layer]):
        self.a = {k: v for k, v in reference.items() if v.parts}
        self.b = {k: v for k, v in other.items() if v.parts}
        self.words_a = counted(self.a, {k: v.kind for k, v in self.a.items()})
        self.words_b = counted(self.b, {k: v.kind for k, v in self.b.items()})
        self.at_a = {path: i / max(len(self.a), 1) for i, path in enumerate(self.a)}
        self.at_b = {path: i / max(len(self.b), 1) for i, path in enumerate(self.b)}
        self.colours_a: Colours = {}
        self.colours_b: Colours = {}
        self.pairs: list[Pair] = []
        self.unsure: list[str] = []

    def colour(self, chains: tuple[Chain, Chain]) -> None:
        self.colours_a = colours(self.a, chains[0])
        self.colours_b = colours(self.b, chains[1])

    def take(self, one: str, two: str, why: str) -> None:
        self.pairs.append(Pair(self.a.pop(one), self.b.pop(two), why))

    def given(self, table: Table) -> None:
        """What a person's table says comes first; a name that is not there is told."""
        names = {n: k for k, layer in self.a.items() for n in (k, *layer.names)}
        own = {n: k for k, layer in self.b.items() for n in (k, *layer.names)}
        said = {own[two]: names[one] for two, one in matched(table, own, names).items()}
        for two, one in said.items():
            if one in self.a and two in self.b:
                self.take(one, two, "the table")

    def equal_names(self) -> None:
        for path in [path for path in self.a if path in self.b]:
            if _whole(self.a[path]) == _whole(self.b[path]):
                self.take(path, path, "equal names")

    def by(self, key: Key, why: str) -> None:
        """Pairs layers of one token, by order and by what their names share."""
        groups: dict[Token, tuple[list[str], list[str]]] = {}
        for side, layers in enumerate((self.a, self.b)):
            for path, layer in layers.items():
                if token := key(layer):
                    groups.setdefault(token, ([], []))[side].append(path)
        for ones, twos in groups.values():
            if not ones or not twos:
                continue
            for i, j in assign(self._costs(ones, twos)):
                if len(ones) != len(twos) and not self._alike(ones[i], twos[j]):
                    self.unsure.append(
                        f"{twos[j]} may be any of {', '.join(ones)}"
                        if len(ones) > 1
                        else f"{ones[0]} may be any of {', '.join(twos)}"
                    )
                self.take(ones[i], twos[j], why)

    def _costs(self, ones: list[str], twos: list[str]) -> Array:
        """What each pairing costs; words that a whole side has say nothing."""
        said_a = apart_of([self.words_a[one] for one in ones])
        said_b = apart_of([self.words_b[two] for two in twos])
        costs = np.zeros((len(ones), len(twos)))
        for i, one in enumerate(ones):
            for j, two in enumerate(twos):
                apart = abs(self.at_a[one] - self.at_b[two])
                alike = likeness(said_a[i], said_b[j])
                costs[i, j] = ORDER * apart + NAME * (1 - alike)
                costs[i, j] += ROLE * opposed(said_a[i], said_b[j])
                costs[i, j] += CHAIN * (1 - self._chained(one, two))
        return costs

    def _chained(self, one: str, two: str) -> float:
        """How far what runs before and behind two layers is the same."""
        ours, theirs = self.colours_a.get(one), self.colours_b.get(two)
        if not ours or not theirs:
            return 0.0
        equal = [a == b for a, b in zip(ours, theirs, strict=True)]
        return sum(equal) / len(equal)

    def _alike(self, one: str, two: str) -> bool:
        return bool(self.words_a[one] & self.words_b[two])

    def apart(self) -> None:
        """What a module holds by itself may lie in several modules of the other."""
        own = (self.a, self.words_a, self.at_a), (self.b, self.words_b, self.at_b)
        for side, words, places in own:
            for path, layer in list(side.items()):
                free = [r for r, p in layer.parts.items() if p.kind == "other"]
                for role in free if len(layer.parts) > 1 else ():
                    name = _named(layer, role)
                    one = {role: layer.parts[role]}
                    side[name] = replace(layer, parts=one, whole=False)
                    words[name] = words[path] + Counter(known_words(role))
                    places[name] = places[path]
                rest = {r: p for r, p in layer.parts.items() if r not in free}
                if free and len(layer.parts) > 1:
                    side.pop(path)
                    if rest:
                        side[path] = replace(layer, parts=rest)

    def transposed(self) -> None:
        """A person's own layer may hold its matrix the other way round."""
        for two, layer in list(self.b.items()):
            turned = {role: _turned(part) for role, part in layer.parts.items()}
            other = replace(layer, parts=turned)
            for one, mine in list(self.a.items()):
                if _sizes(mine) == _sizes(other):
                    self.b[two] = other
                    self.take(one, two, "shapes, transposed")
                    break

    def fused(self) -> None:
        """One projection to q, k and v in one model, three in the other."""
        for own, others in ((self.a, self.b), (self.b, self.a)):
            fused = {path: subs for path in own if (subs := _split(own[path], others))}
            for path, subs in fused.items():
                self._split(own, path, subs)

    def _split(self, side: dict[str, Layer], path: str, subs: list[str]) -> None:
        layer = side.pop(path)
        first = side is self.a
        words, places = (
            (self.words_a, self.at_a) if first else (self.words_b, self.at_b)
        )
        for i, sub in enumerate(subs):
            own = f"{path}.{sub}"
            parts = {r: sliced(p, i, len(subs)) for r, p in layer.parts.items()}
            side[own] = Layer(own, layer.module, layer.kind, parts, layer.rank)
            words[own] = words[path] + Counter([sub])
            places[own] = places[path]

    def result(self) -> Matching:
        if self.unsure:
            listed = "; ".join(self.unsure[:4])
            raise UsageError(
                f"which layer is which is not clear: {listed}: give --names"
            )
        found = Matching(self.pairs)
        self.pairs.sort(key=lambda pair: pair.reference.rank)
        for pair in self.pairs:
            one, two, roles = pair.reference.parts, pair.other.parts, pair.roles
            lone = {r for r in two if r not in roles.values()}
            found.missing += _left(pair.reference, {r for r in one if r not in roles})
            found.extra += _left(pair.other, lone)
            found.misshapen += [
                f"{_named(pair.other, b)}: {two[b].shape} is not "
                f"{_named(pair.reference, a)} {one[a].shape}"
                for a, b in roles.items()
                if _size(one[a]) != _size(two[b])
            ]
        found.missing += [n for x in self.a.values() for n in _left(x, set(x.parts))]
        found.extra += [n for x in self.b.values() for n in _left(x, set(x.parts))]
        return found


def _left(layer: Layer, roles: set[str]) -> list[str]:
    """The names of a layer's parts that no other fits, but for computed tables."""
    told = {part.role for part in _told(layer)}
    return [_named(layer, role) for role in layer.parts if role in roles & told]


def _turned(part: Part) -> Part:
    if len(part.shape) != 2:
        return part
    view = part.view
    return replace(
        part,
        view=lambda values: view(values).T,
        shape=part.shape[::-1],
        rule="transposed",
    )


def _split(layer: Layer, others: Mapping[str, Layer]) -> list[str]:
    """The names of a layer's parts, where the other model has those and not it."""
    weight = layer.parts.get("weight")
    if weight is None or len(weight.shape) != 2:
        return []
    shapes = [o.parts["weight"].shape for o in others.values() if "weight" in o.parts]
    if weight.shape in shapes:
        return []
    for subs in (["q", "k", "v"], ["k", "v"]):
        size, rest = divmod(weight.shape[0], len(subs))
        if not rest and shapes.count((size, weight.shape[1])) >= len(subs):
            return subs
    return []

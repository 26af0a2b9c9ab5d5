"""Which layer of a port is which of the reference: modules first, then their parts."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.assignment import assign
from parity_tests.ports.codecs import Layer, Part
from parity_tests.ports.names import counted, likeness
from parity_tests.ports.table import Table, matched
from shared.errors import UsageError

Token = tuple[object, ...]
Key = Callable[[Layer], Token]
# Of two orders that differ by the whole model, and two names without a common word.
ORDER, NAME = 3.0, 1.0


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
            if pair.other.path == pair.other.module
            and pair.reference.path == pair.reference.module
        }


def _named(layer: Layer, role: str) -> str:
    return f"{layer.path}.{role}" if layer.path else role


def _fits(one: Part, two: Part) -> bool:
    alike = one.kind == two.kind or (_is_free(one) and _is_free(two))
    return alike and _size(one) == _size(two)


def _size(part: Part) -> tuple[int, ...]:
    return tuple(n for n in part.shape if n != 1)


def match(
    reference: Mapping[str, Layer],
    other: Mapping[str, Layer],
    table: Table | None = None,
) -> Matching:
    """Pairs the layers of two models; what is left on either side is listed."""
    work = _Matcher(dict(reference), dict(other))
    work.given(table or {})
    work.equal_names()
    work.fused()
    for key, why in KEYS:
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


def _told(layer: Layer) -> list[Part]:
    """Tables that are computed, and not trained, need no counterpart."""
    return [p for p in layer.parts.values() if p.trainable or p.kind != "other"]


KEYS: tuple[tuple[Key, str], ...] = (
    (_whole, "order, shapes and names"),
    (_main, "order, shapes and names, a bias apart"),
    (_squeezed, "shapes but for axes of one"),
    (_sizes, "shapes, under other names"),
)


class _Matcher:
    def __init__(self, reference: dict[str, Layer], other: dict[str, Layer]):
        self.a = {k: v for k, v in reference.items() if v.parts}
        self.b = {k: v for k, v in other.items() if v.parts}
        self.words_a = counted(self.a, {k: v.kind for k, v in self.a.items()})
        self.words_b = counted(self.b, {k: v.kind for k, v in self.b.items()})
        self.at_a = {path: i / max(len(self.a), 1) for i, path in enumerate(self.a)}
        self.at_b = {path: i / max(len(self.b), 1) for i, path in enumerate(self.b)}
        self.pairs: list[Pair] = []
        self.unsure: list[str] = []

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
        costs = np.zeros((len(ones), len(twos)))
        for i, one in enumerate(ones):
            for j, two in enumerate(twos):
                apart = abs(self.at_a[one] - self.at_b[two])
                alike = likeness(self.words_a[one], self.words_b[two])
                costs[i, j] = ORDER * apart + NAME * (1 - alike)
        return costs

    def _alike(self, one: str, two: str) -> bool:
        return bool(self.words_a[one] & self.words_b[two])

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
            parts = {r: _slice(p, i, len(subs)) for r, p in layer.parts.items()}
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


def _slice(part: Part, number: int, count: int) -> Part:
    size = part.shape[0] // count
    view = part.view
    return replace(
        part,
        view=lambda values: view(values)[number * size : (number + 1) * size],
        shape=(size, *part.shape[1:]),
        rule="a fused projection split",
    )

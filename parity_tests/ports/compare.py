"""How far two records are apart, tensor by tensor, whatever their layouts."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from parity_tests import tolerances
from parity_tests.compare import NONE, Array, Worst, error, floors_of, worst_of
from parity_tests.ports.codecs import Layer, Part
from parity_tests.ports.dumps import Dump
from parity_tests.ports.matching import Matching
from shared.errors import UsageError


def turns(a: Array) -> Iterator[Array]:
    """An array with its channels, or its steps in time, elsewhere."""
    yield a
    if a.ndim >= 3:
        yield np.moveaxis(a, 1, -1)
        yield np.moveaxis(a, -1, 1)
        yield np.swapaxes(a, 0, 1)


def fitted(a: Array, like: Array) -> Array | None:
    """`a` in the layout of `like` that is nearest to it; None where no size fits.

    Of a sequence the last step, where `like` is one.
    """
    if a.size != like.size:
        steps = a.ndim == 3 and like.shape == (a.shape[0], a.shape[2])
        return a[:, -1] if steps else None
    whole = [turn for turn in turns(a) if turn.shape == like.shape]
    if not whole:
        whole = [turn.reshape(like.shape) for turn in turns(a)]
    if len(whole) == 1:
        return whole[0]
    return min(whole, key=lambda turn: error(turn, like))


def apart(a: Array, b: Array) -> float | None:
    """The error in the layout that fits best; None where it cannot be told."""
    found = fitted(a, b)
    if found is not None:
        return error(found, b)
    found = fitted(b, a)
    return None if found is None else error(found, a)


def between(
    one: Dump, ones: Mapping[str, str], two: Dump, twos: Mapping[str, str]
) -> float | None:
    """The error of nested tensors: all if both have as many, else of the first.

    One model's first may stand behind a mask in the other.
    """
    if len(ones) == len(twos):
        pairs = zip(ones.values(), twos.values(), strict=True)
        found = [_off(one, a, two, b) for a, b in pairs]
        return max((off for off in found if off is not None), default=None)
    firsts = [[*ones.values()], [*twos.values()]]
    fewer = min(firsts, key=len)
    fewer[1:] = []
    found = [_off(one, a, two, b) for a in firsts[0] for b in firsts[1]]
    return min((off for off in found if off is not None), default=None)


def _off(one: Dump, a: str, two: Dump, b: str) -> float | None:
    if a == b:
        return 0.0
    if a not in one.tensors or b not in two.tensors:
        return _by_statistics(one, a, two, b)
    return _apart(one, a, two, b)


# A tensor's key tells its content, and it is met as one layer's output, the next one's
# input, and again in all that holds the two.
_KNOWN: dict[tuple[str, str], float | None] = {}
MOST_KNOWN = 1 << 16


def _apart(one: Dump, a: str, two: Dump, b: str) -> float | None:
    if (a, b) not in _KNOWN:
        if len(_KNOWN) >= MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[a, b] = apart(one.array(a), two.array(b))
    return _KNOWN[a, b]


def _by_statistics(one: Dump, a: str, two: Dump, b: str) -> float | None:
    """How far mean, deviation, extremes and norm are apart, where no more is kept."""
    ours, theirs = _statistics(one, a), _statistics(two, b)
    if ours is None or theirs is None:
        return None
    scale = max(map(abs, ours[:4] + theirs[:4])) or 1.0
    return max(abs(x - y) for x, y in zip(ours[:4], theirs[:4], strict=True)) / scale


def _statistics(dump: Dump, key: str) -> list[float] | None:
    kept = dump.table[key].get("statistics")
    if kept is not None:
        return [float(x) for x in kept]
    if key not in dump.tensors or not dump.tensors[key].size:
        return None
    a = dump.array(key).astype(np.float64)
    return [float(x) for x in (a.mean(), a.std(), a.min(), a.max())]


@dataclass(frozen=True)
class Sides:
    """Two records of the same inputs, and which layer is which."""

    reference: Dump
    other: Dump
    matching: Matching

    @property
    def said(self) -> str:
        return f"{self.reference.label} vs {self.other.label}"


def forward(sides: Sides, mode: str) -> Worst:
    one, two = sides.reference.runs[mode], sides.other.runs[mode]
    ours, theirs = one.outputs, two.outputs
    if len(ours) != len(theirs):
        raise UsageError(
            f"{sides.other.label}: {len(theirs)} outputs where the first model has "
            f"{len(ours)}"
        )
    by_path = ours.keys() == theirs.keys()
    found = NONE
    for i, (path, key) in enumerate(ours.items()):
        other = theirs[path] if by_path else list(theirs.values())[i]
        a, b = sides.reference.array(key), sides.other.array(other)
        off = apart(a, b)
        name = f"output {i}" if path.isdigit() or not path else f"output {path}"
        if off is None:
            off, name = math.inf, f"{name} is {b.shape}, not {a.shape}"
        found |= Worst(off, f"{sides.said}: {name}")
    return found


def weights(sides: Sides) -> Worst:
    """Of models that each keep their own."""
    one = {w.name: sides.reference.array(w.tensor) for w in sides.reference.weights}
    two = {w.name: sides.other.array(w.tensor) for w in sides.other.weights}
    ours, theirs = {}, {}
    for pair in sides.matching.pairs:
        for role, (a, b) in pair.parts.items():
            name = f"{pair.reference.path}.{role}" if pair.reference.path else role
            ours[name] = a.read(one)
            theirs[name] = b.read(two).reshape(a.shape)
    return worst_of(ours, theirs, sides.said)


def gradients(sides: Sides, mode: str) -> Worst | str:
    """Of every parameter that both train, and of inputs."""
    ours, theirs, odd = gradient_pairs(sides, mode)
    if odd:
        return f"{sides.other.label}: {odd[0]} has a gradient in one model only"
    one, two = sides.reference.runs[mode], sides.other.runs[mode]
    for path, key in one.input_gradients.items():
        if path in two.input_gradients:
            b = sides.other.array(two.input_gradients[path])
            a = fitted(sides.reference.array(key), b)
            if a is not None:
                ours[f"input {path}"], theirs[f"input {path}"] = a, b
    return worst_of(ours, theirs, sides.said, tolerances.GRADIENT_FLOOR, zero_of(sides))


def zero_of(sides: Sides) -> float:
    """The share of the largest gradient below which one is 0 in truth."""
    wide = sides.reference.dtype == sides.other.dtype == "float64"
    return tolerances.PORTS_ZERO if wide else tolerances.PORTS_ZERO_FLOAT32


def gradient_pairs(
    sides: Sides, mode: str
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """The gradients of both by the reference's names, and who lacks one."""
    one = sides.reference.arrays(sides.reference.runs[mode].gradients)
    two = sides.other.arrays(sides.other.runs[mode].gradients)
    ours: dict[str, Array] = {}
    theirs: dict[str, Array] = {}
    odd = []
    for pair in sides.matching.pairs:
        for role, (a, b) in pair.parts.items():
            name = f"{pair.reference.path}.{role}" if pair.reference.path else role
            has = [all(s in one for s in a.stored), all(s in two for s in b.stored)]
            if has == [True, True]:
                ours[name] = a.gradient(one)
                theirs[name] = b.gradient(two).reshape(ours[name].shape)
            elif any(has):
                odd.append(name)
    return ours, theirs, odd


def gradient_errors(sides: Sides, mode: str) -> dict[str, float]:
    ours, theirs, _ = gradient_pairs(sides, mode)
    floors = floors_of(ours, tolerances.GRADIENT_FLOOR, zero_of(sides))
    return {name: error(ours[name], theirs[name], floors[name]) for name in ours}


@dataclass(frozen=True)
class Statistic:
    """A running statistic after a training pass: how far off, and for what reason."""

    name: str
    layer: str
    error: float
    note: str = ""


def buffers(sides: Sides) -> list[Statistic]:
    """Running statistics after one pass in training."""
    one = sides.reference.arrays(sides.reference.runs["training"].buffers)
    two = sides.other.arrays(sides.other.runs["training"].buffers)
    found = []
    for pair in sides.matching.pairs:
        for role, (a, b) in pair.parts.items():
            if not {*a.stored} <= one.keys() or not {*b.stored} <= two.keys():
                continue
            ours, theirs = a.read(one), b.read(two).reshape(a.shape)
            off, note = error(ours, theirs), ""
            if off and role == "running_var":
                nearer = error(
                    _biased(sides.reference, pair.reference.module, ours, a),
                    _biased(sides.other, pair.other.module, theirs, b),
                )
                if nearer < off:
                    off = nearer
                    note = "PyTorch keeps the unbiased variance (bn-var)"
            name = f"{pair.reference.path}.{role}"
            found.append(Statistic(name, pair.reference.path, off, note))
    return found


def _biased(dump: Dump, path: str, after: Array, part: Part) -> Array:
    """PyTorch's running variance as if it had been moved by the biased one."""
    calls = [c for c in dump.runs["training"].calls if c.path == path and c.inputs]
    momentum = dump.modules[path].settings.get("momentum")
    if (
        dump.framework != "pytorch"
        or len(calls) != 1
        or not isinstance(momentum, float)
    ):
        return after
    entered = dump.table[next(iter(calls[0].inputs.values()))]["shape"]
    number = math.prod(entered) // entered[1]
    stored = {w.name: w.tensor for w in dump.weights}
    before = dump.array(stored[part.stored[0]]) * (1 - momentum)
    return before + (after - before) * (number - 1) / number


def rates(sides: Sides) -> str:
    """Where the rates of dropout, which is off in both, are not the same."""
    one, two = rates_of(sides)
    return f"{one}, {two} of {sides.other.label}" if one else ""


def rates_of(sides: Sides) -> tuple[str, str]:
    """The first two dropouts that differ; of other numbers a rate the other has not."""
    ours, theirs = _ordered(sides.reference), _ordered(sides.other)
    if len(ours) != len(theirs):
        known = {round(rate, 6) for _, rate in ours}
        new = [(at, rate) for at, rate in theirs if round(rate, 6) not in known]
        if not ours or not new:
            return "", ""
        said = f"{_at(ours[-1][0])} drops {ours[-1][1]:g}"
        return said, f"{_at(new[0][0])} {new[0][1]:g}"
    for (one, a), (two, b) in zip(ours, theirs, strict=True):
        if not math.isclose(a, b, rel_tol=1e-6):
            return f"{_at(one)} drops {a:g}", f"{_at(two)} {b:g}"
    return "", ""


def _ordered(dump: Dump) -> list[tuple[str, float]]:
    def place(item: tuple[str, float]) -> int:
        path = item[0].partition(":")[0]
        return dump.order.index(path) if path in dump.order else len(dump.order)

    return sorted(dump.rates.items(), key=place)


def _at(name: str) -> str:
    return name.partition(":")[0] or "the model"


def count(layers: Mapping[str, Layer]) -> int:
    """How many numbers a model trains; of two biases that are added, the sum."""
    parts = (part for layer in layers.values() for part in layer.parts.values())
    return sum(math.prod(part.shape) for part in parts if part.trainable)

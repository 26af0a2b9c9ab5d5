"""How far apart two results are, tensor by tensor."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Named = Mapping[str, Array]


@dataclass(frozen=True)
class Worst:
    """The tensor with the largest error, and which frameworks disagree on it."""

    error: float
    where: str
    note: str = ""  # for people, whatever the verdict

    def __or__(self, other: "Worst") -> "Worst":
        return max(self, other, key=lambda worst: worst.error)


NONE = Worst(0.0, "")
# A tier that a model has no tensors for says so, instead of claiming agreement.
NOTHING = Worst(0.0, "nothing to compare")


def error(a: Array, b: Array, floor: float = 0.0) -> float:
    """Give the largest |a - b| over the largest |value|; infinite where it cannot be
    told."""
    if a.shape != b.shape:
        return math.inf
    if a.size == 0:
        return 0.0
    sizes = _largest(a), _largest(b)
    if not all(map(math.isfinite, sizes)):
        return math.inf
    difference = _largest(np.subtract(a, b, dtype=np.float64))
    return difference / max(*sizes, floor) if difference else 0.0


def _largest(a: Array) -> float:
    """Give the largest |value|, which is not finite where one is not."""
    return max(float(a.max()), -float(a.min()))


def floors_of(named: Named, share: float, zero: float) -> dict[str, float]:
    """What each tensor's errors are measured against at the least: `share` of the
    largest value of all, and all of it where the tensor is below `zero` of it."""
    size = {name: float(np.abs(a).max(initial=0.0)) for name, a in named.items()}
    largest = max(size.values(), default=0.0) if share else 0.0
    return {
        n: largest * (1 if own < zero * largest else share) for n, own in size.items()
    }


def mean_error(a: Named, b: Named, share: float = 0.0, zero: float = 0.0) -> float:
    """Give the root mean square over all values of |a - b| over its tensor's largest
    |value|."""
    floors = floors_of(a, share, zero)
    total, number = 0.0, 0
    for name, value in a.items():
        scale = max(float(np.abs(value).max(initial=0.0)), floors[name])
        if scale:
            total += float(np.square((value - b[name]) / scale).sum())
        number += value.size
    return math.sqrt(total / number) if number else 0.0


def worst_of(
    a: Named, b: Named, between: str, share: float = 0.0, zero: float = 0.0
) -> Worst:
    """The worst tensor of two sets that must hold the same names."""
    if a.keys() != b.keys():
        odd = sorted(a.keys() ^ b.keys())
        return Worst(math.inf, f"{between}: only in one: {', '.join(odd[:3])}")
    floors = floors_of(a, share, zero)
    found = NONE
    for name in a:
        found |= Worst(error(a[name], b[name], floors[name]), f"{between}: {name}")
    return found


def worst_pair(sets: Mapping[str, Named], share: float = 0.0) -> Worst:
    """Find the worst tensor over all pairs of frameworks."""
    found = NONE
    for (one, a), (two, b) in itertools.combinations(sets.items(), 2):
        found |= worst_of(a, b, f"{one} vs {two}", share)
    return found


def by_floor(sets: Mapping[str, Named], share: float, bound: float) -> str:
    """Says how many tensors are within the bound by `share` of the largest alone."""
    decided: set[str] = set()
    for a, b in itertools.combinations(sets.values(), 2):
        floors = floors_of(a, share, 0.0)
        for name in a.keys() & b.keys():
            if error(a[name], b[name]) > bound >= error(a[name], b[name], floors[name]):
                decided.add(name)
    number = len(decided)
    return f"{number} tensor{'s' * (number > 1)} by the floor" if number else ""


def worst_layer(
    layers: Mapping[str, Mapping[str, Any]], bound: float = math.inf
) -> Worst:
    """The first named layer that is beyond the bound, else the worst, over all pairs
    and whatever the frameworks' layouts: what follows the first differs with it."""
    found = NONE if any(layers.values()) else Worst(math.inf, "no layer was recorded")
    for (one, a), (two, b) in itertools.combinations(layers.items(), 2):
        between = f"{one} vs {two}"
        if a.keys() != b.keys():
            odd = ", ".join(sorted(a.keys() ^ b.keys())[:3])
            found |= Worst(math.inf, f"{between}: layers only in one: {odd}")
            continue
        for path in a:
            off = layout_error(a[path].left, b[path].left)
            found |= Worst(off, f"{between}: {path}")
            if off > bound:
                return Worst(off, f"{between}: {path}, the first that differs")
    return found


def layout_error(a: Array, b: Array) -> float:
    """The error in the arrangement that fits best: channels first or last."""
    return min(
        error(one, two)
        for one, two in itertools.product(_arrangements(a), _arrangements(b))
    )


def _arrangements(a: Array) -> list[Array]:
    return [a] if a.ndim < 3 else [a, np.moveaxis(a, -1, 1)]

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

    def __or__(self, other: "Worst") -> "Worst":
        return max(self, other, key=lambda worst: worst.error)


NONE = Worst(0.0, "")


def error(a: Array, b: Array, floor: float = 0.0) -> float:
    """Largest |a - b| over the largest |value|; infinite where it cannot be told."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return math.inf
    if a.size == 0:
        return 0.0
    difference = float(np.abs(a.astype(np.float64) - b).max())
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()), floor)
    return difference / scale if difference else 0.0


def floor_of(named: Named, share: float) -> float:
    """`share` of the largest value of them all."""
    largest = [float(np.abs(a).max()) for a in named.values() if a.size]
    return share * max(largest, default=0.0)


def worst_of(
    a: Named, b: Named, between: str, share: float = 0.0, zero: float = 0.0
) -> Worst:
    """The worst tensor of two sets that must hold the same names.

    Errors are measured against no less than `share` of the largest value of all, and
    against the largest itself where a tensor of `a` is below `zero` of it.
    """
    if a.keys() != b.keys():
        odd = sorted(a.keys() ^ b.keys())
        return Worst(math.inf, f"{between}: only in one: {', '.join(odd[:3])}")
    largest = floor_of(a, 1.0) if share else 0.0
    found = NONE
    for name in a:
        vanishes = np.abs(a[name]).max(initial=0.0) < zero * largest
        floor = largest if vanishes else share * largest
        found |= Worst(error(a[name], b[name], floor), f"{between}: {name}")
    return found


def worst_pair(sets: Mapping[str, Named], share: float = 0.0) -> Worst:
    """The worst tensor over all pairs of frameworks."""
    found = NONE
    for (one, a), (two, b) in itertools.combinations(sets.items(), 2):
        found |= worst_of(a, b, f"{one} vs {two}", share)
    return found

"""What a port's calls are given in the place of their own: the reference's tensors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parity_tests.compare import Array, error
from parity_tests.ports.compare import Sides, fitted, turns
from parity_tests.ports.dumps import Dump
from parity_tests.ports.pairing import Met

# Of how many axes a tensor has channels that one framework has elsewhere.
IMAGE = 4


@dataclass
class Forcing:
    """healed: calls that are left to themselves; shaped: those whose output has another
    shape than the reference's, which is forced all the same; like: the port's tensors,
    whose layouts are those that are wanted."""

    sides: Sides
    met: Sequence[Met]
    mode: str
    tolerance: float
    like: Dump
    healed: set[int] = field(default_factory=set)
    shaped: set[int] = field(default_factory=set)

    def values(self, free: set[int]) -> dict[str, Array]:
        """The tensors by place; `free` calls keep what left them."""
        found: dict[str, Array] = {}
        for met in self.met:
            if id(met) in self.healed:
                continue
            call = met.again(self.like.runs[self.mode].calls) or met.other
            start = f"{call.path}#{call.number}"
            found |= dict(self._laid(f"{start}<", met.reference.inputs, call.inputs))
            if id(met) not in free:
                outputs = met.reference.outputs, call.outputs
                any_shape = id(met) in self.shaped
                found |= dict(self._laid(f"{start}>", *outputs, any_shape=any_shape))
        return found

    def _laid(
        self,
        start: str,
        ones: Mapping[str, str],
        twos: Mapping[str, str],
        any_shape: bool = False,
    ) -> Iterator[tuple[str, Array]]:
        """The reference's tensors in the port's layout, as far as they fit."""
        pairs = list(zip(ones.values(), twos.items(), strict=False))
        for one, (path, two) in pairs if len(ones) == len(twos) else pairs[:1]:
            own, like = self.sides.reference.array(one), self.like.array(two)
            sides = self.sides.reference, self.like
            value = laid(sides[0], own, sides[1], like, self.tolerance)
            if value is None and any_shape and own.ndim == like.ndim:
                value = nearest(own, like)
            if value is not None and like.dtype.kind == "f":
                yield start + path, np.ascontiguousarray(value, like.dtype)


def laid(one: Dump, own: Array, two: Dump, like: Array, bound: float) -> Array | None:
    """A tensor of the one in the layout of the other's; where more than one fits, and
    their values do not tell, in that of the frameworks."""
    found = fitted(own, like)
    if found is None or error(found, like) <= bound:
        return found
    usual = own
    if one.channels_last != two.channels_last:
        if own.ndim < IMAGE:
            return found
        usual = np.moveaxis(own, *((-1, 1) if one.channels_last else (1, -1)))
    return usual if usual.shape == like.shape else found


def nearest(own: Array, like: Array) -> Array:
    """The layout in which most axes are as long as those of another tensor."""

    def equal(turn: Array) -> int:
        return sum(a == b for a, b in zip(turn.shape, like.shape, strict=True))

    return max(turns(own), key=equal)


def difference(
    one: Dump, ones: Mapping[str, str], two: Dump, twos: Mapping[str, str]
) -> Array | None:
    """What the first of two records' tensors has too much; None where none fits."""
    if not ones or not twos:
        return None
    right = one.array(next(iter(ones.values())))
    found = fitted(two.array(next(iter(twos.values()))), right)
    return found - right if found is not None and right.dtype.kind == "f" else None

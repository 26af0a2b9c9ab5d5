"""Every random number of parity mode, as a pure function of where it is used."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


def generator(*place: object) -> np.random.Generator:
    """Make a generator that depends on `place` alone, on every machine and version."""
    text = "/".join(str(part) for part in place).encode()
    key = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))


# The rows of a whole batch that one process has, and how many rows that batch has.
Cut = tuple[slice, int]


@dataclass(frozen=True)
class Draws:
    """The draws of one layer at one step; shapes are canonical (channels first).

    A layer that is called again in the same step draws anew: each call is an occasion.
    cut: drawn is for the whole batch, given out are these rows of it.
    """

    seed: int
    path: str
    step: int = 0
    cut: Cut | None = None
    occasions: Iterator[int] = field(default_factory=itertools.count, compare=False)

    def keep(self, shape: tuple[int, ...], rate: float) -> NDArray[np.bool_]:
        """True where dropout at `rate` keeps the value."""
        return self.kept(shape, rate, next(self.occasions))

    def kept(
        self, shape: tuple[int, ...], rate: float, occasion: int
    ) -> NDArray[np.bool_]:
        """What `keep` says at this call of the layer, counted from 0."""
        draw = self._generator("keep", occasion)
        return self._own(draw.random(self._whole(shape)), shape) >= rate

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        draw = self._generator("normal", next(self.occasions))
        return self._own(draw.standard_normal(self._whole(shape)), shape)

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        draw = self._generator("uniform", next(self.occasions))
        return self._own(draw.random(self._whole(shape)), shape)

    def _generator(self, kind: str, occasion: int) -> np.random.Generator:
        again = (occasion,) if occasion else ()
        return generator(kind, self.seed, self.path, self.step, *again)

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.cut is None else (self.cut[1], *shape[1:])

    def _own(
        self, drawn: NDArray[np.float64], shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        if self.cut is None:
            return drawn
        own = drawn[self.cut[0]]
        if own.shape != shape:
            raise ValueError(f"{self.path}: a draw of {shape} has no row a sample")
        return own


def weight(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """A value for a parameter or buffer that keeps activations near unit scale.

    Nothing is left at 0 or 1: a bias or a norm that is not applied must show.
    """
    draw = generator("weight", seed, name)
    value: NDArray[np.floating]
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        value = draw.uniform(0.5, 1.5, shape)
    elif len(shape) >= 2:
        fan_in = int(np.prod(shape[1:]))
        value = draw.standard_normal(shape, np.float32) / np.float32(np.sqrt(fan_in))
    elif leaf == "weight":
        value = 1 + 0.1 * draw.standard_normal(shape)
    else:
        value = 0.1 * draw.standard_normal(shape)
    return value.astype(np.float32)

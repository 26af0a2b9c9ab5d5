"""Every random number of parity mode, as a pure function of where it is used."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.specs.base import Tensor


def generator(*place: object) -> np.random.Generator:
    """A generator that depends on `place` alone, on every machine and version."""
    text = "/".join(str(part) for part in place).encode()
    key = int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))


@dataclass(frozen=True)
class Draws:
    """The draws of one layer at one step; shapes are canonical (channels first)."""

    seed: int
    path: str
    step: int = 0

    def keep(self, shape: tuple[int, ...], rate: float) -> NDArray[np.bool_]:
        """True where dropout at `rate` keeps the value."""
        draw = generator("keep", self.seed, self.path, self.step)
        return draw.random(shape) >= rate

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        draw = generator("normal", self.seed, self.path, self.step)
        return draw.standard_normal(shape)


def sample(tensor: Tensor, batch: int, seed: int) -> NDArray[np.generic]:
    """A batch for this input: whole numbers, or reals that float32 holds exactly."""
    draw = generator("sample", seed, tensor.name)
    shape = (batch, *tensor.shape)
    if tensor.below is not None:
        return draw.integers(0, tensor.below, shape, dtype=np.int64)
    return draw.standard_normal(shape).astype(np.float32)


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

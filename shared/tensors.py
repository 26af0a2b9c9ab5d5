"""What a model takes and gives: tensors, and the programs that it runs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared import randomness
from shared.arrays import Array, Arrays
from shared.errors import UsageError

SAMPLES, NODES, EDGES = "samples", "nodes", "edges"
# Whole numbers whose bound is the batch's own, as those of nodes; a spec with such
# inputs draws its examples itself.
ANY = 2**31 - 1
NORMAL, UNIFORM = "normal", "uniform"


@dataclass(frozen=True)
class Tensor:
    """One input or output, without its first axis, in the canonical layout.

    channels_first: axis 1 (the rows are axis 0) holds channels and spatial axes
        follow; frameworks that keep channels last move it there and back.
    below: the values are whole numbers in [0, below); None for real numbers.
    rows: what the first axis counts. Tensors of one model with the same word have as
        many rows; edges count otherwise than nodes, and nodes than samples.
    drawn: the values are noise, which no data set holds: normal (0, 1), or uniform
        from 0 to 1; whole numbers are drawn evenly. Empty for what is given.
    """

    name: str
    shape: tuple[int, ...]
    channels_first: bool = False
    below: int | None = None
    rows: str = SAMPLES
    drawn: str = ""

    def native(self, channels_last: bool) -> tuple[int, ...]:
        """Give its shape where a framework keeps it."""
        if self.channels_first and channels_last:
            return (*self.shape[1:], self.shape[0])
        return self.shape

    def noise(self, draws: randomness.Draws, rows: int) -> Array:
        """Draw the suite's own noise of this tensor in one training step."""
        shape = (rows, *self.shape)
        if self.drawn == NORMAL:
            return draws.normal(shape)
        uniform = draws.uniform(shape)
        if self.below is None:
            return uniform
        return np.floor(uniform * self.below).astype(np.int64)


# Of one drawn input: a gigabyte of float32.
MOST_VALUES = 1 << 28


def sample(tensor: Tensor, batch: int, seed: int) -> NDArray[np.generic]:
    """Draw a batch for this input: whole numbers, or reals that float32 holds
    exactly."""
    number = batch * math.prod(tensor.shape)
    if number > MOST_VALUES:
        raise UsageError(
            f"{tensor.name}: {batch} of {list(tensor.shape)} are {number:,} values; "
            f"allowed: {MOST_VALUES:,}"
        )
    draw = randomness.generator("sample", seed, tensor.name)
    shape = (batch, *tensor.shape)
    if tensor.below is not None:
        return draw.integers(0, tensor.below, shape, dtype=np.int64)
    if tensor.drawn == "uniform":
        return draw.random(shape, np.float32)
    return draw.standard_normal(shape).astype(np.float32)


def mask(name: str, shape: tuple[int, ...], rows: str = SAMPLES) -> Tensor:
    """A tensor of 1 where something counts and 0 where it does not."""
    return Tensor(name, shape, below=2, rows=rows)


def lengths(name: str, longest: int) -> Tensor:
    """Take one whole number a sample, from 0 to `longest`."""
    return Tensor(name, (), below=longest + 1)


def edges(name: str) -> Tensor:
    """Take pairs of nodes, source and target, one row an edge."""
    return Tensor(name, (2,), below=ANY, rows=EDGES)


def owners(name: str) -> Tensor:
    """Take of each node the number of its sample in the batch."""
    return Tensor(name, (), below=ANY, rows=NODES)


Margin = Callable[[Arrays, Arrays], Array]


@dataclass(frozen=True)
class Program:
    """A named entry point of a model, a method of that name in all three.

    method: the method's name. Several programs may share one, with other settings.
    inputs, outputs: as `Spec.inputs` and `outputs` are. Outputs of whole numbers are
        decisions, which all frameworks must make alike.
    settings: keyword arguments that are no arrays.
    margin: by how much each decision was made: the name of the output that says so,
        or a function of inputs and outputs, in the order of the decisions along the
        second axis. Where it is below parity_tests.tolerances.TIE another decision is
        as good.
    differentiable: whether gradients are compared.
    """

    method: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    margin: str | Margin = ""
    differentiable: bool = False


def rows_of(tensor: Tensor, inputs: tuple[Tensor, ...], arrays: Arrays) -> int:
    """How many rows an output has, by the input whose rows are counted alike."""
    for given, array in zip(inputs, arrays, strict=True):
        if given.rows == tensor.rows:
            return len(array)
    raise ValueError(f"{tensor.name}: no input says how many {tensor.rows} there are")

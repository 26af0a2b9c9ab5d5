"""Arrays in, batches out: deterministic from a seed, resumable at any batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from shared.arrays import Array, Arrays
from shared.errors import UsageError
from shared.randomness import generator


@dataclass(frozen=True)
class Ragged:
    """Rows of which each sample has its own number, laid end to end.

    counts: how many rows each sample has.
    into: the number of the input whose rows these whole numbers point at, counted
        within a sample; SAMPLE where they point at the sample itself. Laid out in a
        batch they point at the rows of the whole batch.
    """

    values: Array
    counts: Array
    into: int | None = None

    def __post_init__(self) -> None:
        if self.counts.sum() != len(self.values):
            raise UsageError(
                f"{len(self.values)} rows for samples of {self.counts.sum()} in all"
            )

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, which: Array | slice) -> "Ragged":
        ends = np.cumsum(self.counts)
        parts = [
            self.values[a:b]
            for a, b in zip((ends - self.counts)[which], ends[which], strict=True)
        ]
        values = np.concatenate([self.values[:0], *parts])
        return Ragged(values, self.counts[which], self.into)


def padded(part: Ragged, fill: int, length: int | None = None) -> tuple[Array, Array]:
    """Sequences of different lengths as one array, filled up at the end to the longest
    or to `length`, and its mask, 1 where a row is a sample's own."""
    longest = int(part.counts.max(initial=0)) if length is None else length
    if (part.counts > longest).any():
        raise UsageError(f"a sample of {part.counts.max()} rows; {longest} are allowed")
    own = np.arange(longest) < part.counts[:, None]
    values = np.full((*own.shape, *part.values.shape[1:]), fill, part.values.dtype)
    values[own] = part.values
    return values, own.astype(np.int64)


SAMPLE = -1
Part = Any  # an Array, or Ragged


def laid_out(inputs: tuple[Part, ...]) -> Arrays:
    """Lay one batch out as plain arrays: the samples' rows end to end, and what points
    at them moved along."""
    arrays = []
    for part in inputs:
        if not isinstance(part, Ragged):
            arrays.append(part)
            continue
        values = part.values
        if part.into is not None:
            values = values + _moved(inputs, part).reshape(
                -1, *(1,) * (values.ndim - 1)
            )
        arrays.append(values)
    return tuple(arrays)


def _moved(inputs: tuple[Part, ...], part: Ragged) -> Array:
    """Count, for each row, how many rows of earlier samples lie before what it
    points at."""
    if part.into == SAMPLE:
        before = np.arange(len(part.counts))
    else:
        target = inputs[part.into or 0]
        counts = (
            target.counts if isinstance(target, Ragged) else np.ones(len(part), int)
        )
        before = np.cumsum(counts) - counts
    return np.repeat(before, part.counts)


@dataclass(frozen=True)
class Samples:
    """Samples lie along the first axis of every array; ragged parts have rows of their
    own."""

    inputs: tuple[Part, ...]
    targets: tuple[Part, ...]

    def __post_init__(self) -> None:
        sizes = {len(array) for array in (*self.inputs, *self.targets)}
        if len(sizes) != 1:
            raise UsageError(f"arrays of {sorted(sizes)} samples; all must be equal")

    def __len__(self) -> int:
        return len(self.inputs[0])

    def take(self, which: Array | slice) -> "Samples":
        return Samples(
            tuple(a[which] for a in self.inputs), tuple(a[which] for a in self.targets)
        )

    @property
    def arrays(self) -> tuple[Arrays, Arrays]:
        """Inputs and targets of one batch as plain arrays."""
        return laid_out(self.inputs), laid_out(self.targets)

    def in_order(self, size: int) -> Iterator["Samples"]:
        """Give all samples in batches, of which the last is as short as it falls."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


@dataclass(frozen=True)
class Batch(Samples):
    """One batch laid out already, whose arrays count rows of their own; it cannot be
    divided."""

    size: int

    def __post_init__(self) -> None:
        """Rows need not be as many in all arrays."""

    def __len__(self) -> int:
        return self.size

    def take(self, which: Array | slice) -> Samples:
        raise UsageError(
            f"{self.size} samples that are laid out as one batch cannot be divided, "
            "among processes or otherwise"
        )


def one_batch(inputs: Arrays, targets: Arrays, size: int) -> Samples:
    """Plain arrays as a batch of so many samples, which can be divided where all count
    them."""
    plain = {len(array) for array in (*inputs, *targets)} == {size}
    return Samples(inputs, targets) if plain else Batch(inputs, targets, size)


class Source(Protocol):
    """Where batches come from: arrays, a stream, a buffer.

    Batch i of epoch e is the same whenever it is asked for, so that a run can be gone
    on with.
    """

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""

    def epoch(self, number: int, start: int = 0) -> Iterator[Samples]:
        """Yield the batches of an epoch, from batch `start` on."""


@dataclass(frozen=True)
class Dataset:
    """Holds what a task trains, validates and tests on.

    stream: where the batches of training come from, if they are not those of `train`,
        shuffled.
    left_out: why records of the files are not among them, a line for each.
    """

    train: Samples
    validation: Samples
    test: Samples
    stream: Source | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shuffled:
    """The batches of a training run; what is left over sits out an epoch.

    Batch i of epoch e depends on the seed, e and i alone.
    multiple: batches an epoch come in multiples of this.
    """

    split: Samples
    size: int
    seed: int
    multiple: int = 1

    def __post_init__(self) -> None:
        if self.per_epoch < 1:
            least = self.size * self.multiple
            raise UsageError(
                f"batches of {self.size}: the training data has {len(self.split)} "
                f"samples, at least {least} are needed"
            )

    @property
    def per_epoch(self) -> int:
        return len(self.split) // self.size // self.multiple * self.multiple

    def epoch(self, number: int, start: int = 0) -> Iterator[Samples]:
        """Give the batches of an epoch, from batch `start` on."""
        order = generator("shuffle", self.seed, number).permutation(len(self.split))
        for i in range(start, self.per_epoch):
            yield self.split.take(order[i * self.size : (i + 1) * self.size])


def divided(split: Samples, seed: int = 0) -> Dataset:
    """Shuffle the samples and give 70 % of them to train, 15 % to validate, 15 % to
    test."""
    order = generator("divide", seed).permutation(len(split))
    first, second = len(split) * 70 // 100, len(split) * 85 // 100

    return Dataset(
        split.take(order[:first]),
        split.take(order[first:second]),
        split.take(order[second:]),
    )

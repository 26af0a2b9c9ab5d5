"""Arrays in, batches out: deterministic from a seed, resumable at any batch."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.arrays import Array, Arrays
from shared.errors import UsageError
from shared.randomness import generator


@dataclass(frozen=True)
class Samples:
    """Along the first axis of every array."""

    inputs: Arrays
    targets: Arrays

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

    def in_order(self, size: int) -> Iterator["Samples"]:
        """All of it, the last batch as short as it falls."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))


@dataclass(frozen=True)
class Dataset:
    train: Samples
    validation: Samples
    test: Samples


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
        """From batch `start` on."""
        order = generator("shuffle", self.seed, number).permutation(len(self.split))
        for i in range(start, self.per_epoch):
            yield self.split.take(order[i * self.size : (i + 1) * self.size])


def divided(split: Samples, seed: int = 0) -> Dataset:
    """Shuffled, then 70 % to train, 15 % to validate, 15 % to test."""
    order = generator("divide", seed).permutation(len(split))
    first, second = len(split) * 70 // 100, len(split) * 85 // 100

    return Dataset(
        split.take(order[:first]),
        split.take(order[first:second]),
        split.take(order[second:]),
    )

"""Samples of classes put together: pairs, alike or not, and triplets."""

import numpy as np

from shared.arrays import Array
from shared.data.batches import Samples
from shared.randomness import generator


def pairs(split: Samples, each: int, seed: int = 0) -> Samples:
    """Give with every sample `each` pairs of its class, wanted 0, and as many with
    another class, wanted 1."""
    (x,), (classes,) = split.inputs, split.targets
    first, alike, other = _drawn(classes, each, generator("pairs", seed, len(x)))
    inputs = x[np.concatenate([first, first])], x[np.concatenate([alike, other])]
    wanted = np.repeat([0, 1], len(first)).astype(np.float32)
    return Samples(inputs, (wanted,))


def triplets(split: Samples, each: int, seed: int = 0) -> Samples:
    """Give with every sample `each` triplets: itself, one of its class, one of
    another; nothing is wanted besides."""
    (x,), (classes,) = split.inputs, split.targets
    drawn = _drawn(classes, each, generator("triplets", seed, len(x)))
    return Samples(tuple(x[which] for which in drawn), ())


def _drawn(
    classes: Array, each: int, draw: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draw which samples are paired, with which of their class and with which of
    another."""
    first = np.repeat(np.arange(len(classes)), each)
    alike, other = np.empty_like(first), np.empty_like(first)
    for k, sample in enumerate(first):
        same = classes == classes[sample]
        others = np.flatnonzero(same & (np.arange(len(classes)) != sample))
        alike[k] = draw.choice(others)
        other[k] = draw.choice(np.flatnonzero(~same))
    return first, alike, other

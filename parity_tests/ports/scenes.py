"""A guilty layer as both sides saw it, and what is tried on it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from parity_tests.compare import Array

# A name, the reference's setting, the port's, and the layer computed with that.
Try = tuple[str, Any, Any, Callable[[], Array]]


@dataclass(frozen=True)
class Scene:
    """A guilty layer as both saw it: one input, two outputs in one layout."""

    kind: str
    x: Array
    right: Array
    wrong: Array
    weights: Mapping[str, Array]
    one: Mapping[str, Any]
    two: Mapping[str, Any]
    lines: tuple[str, str]
    given: Array | None = None  # the port's own input, where its shape is another


def equal(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= 1e-6 * np.abs(b).max(initial=1e-300))


T = TypeVar("T")
# What a layer of another shape than its kind has makes of a try.
UNFIT = (ValueError, IndexError, KeyError, ZeroDivisionError)


def fitting(tries: Iterator[T]) -> Iterator[T]:
    """What is tried, until one cannot be set up."""
    with contextlib.suppress(*UNFIT):
        yield from tries

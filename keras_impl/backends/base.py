"""What the files of the back ends share: how they are called."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

Call = Callable[..., Any]
Variables = Sequence[keras.Variable]
Found = tuple[tuple[Any, ...], list[Any], list[Any]]
Update = Callable[[list[Any]], object]  # of gradients
Scalar = Callable[[Any], Any]


def first(outputs: tuple[Any, ...]) -> list[float]:
    """The cotangents by which the first output alone is differentiated."""
    return [float(i == 0) for i in range(len(outputs))]

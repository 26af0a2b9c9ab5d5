"""The kinds of arrays that everything else is said of."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = tuple[Array, ...]
Weights = Mapping[str, Array]

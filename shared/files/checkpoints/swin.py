"""torchvision's Swin <-> canonical weights: the same names and shapes.

torchvision keeps beside every table of biases which of its rows each pair of tokens
takes; that follows from the table's length.
"""

import math

from shared.arrays import Array, Weights
from shared.errors import unknown
from shared.specs.vision.swin import WindowSpec

SOURCES = ("torchvision",)
_TABLE, _INDEX = "relative_position_bias_table", "relative_position_index"


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    return {k: value for k, value in state.items() if not k.endswith(_INDEX)}


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    state = dict(weights)
    for name, value in weights.items():
        if name.endswith(_TABLE):
            state[name.removesuffix(_TABLE) + _INDEX] = _index(value)
    return state


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Swin checkpoints", source, SOURCES)


def _index(table: Array) -> Array:
    side = (math.isqrt(len(table)) + 1) // 2
    return WindowSpec((side, side), side, shifted=False).ways.reshape(-1)

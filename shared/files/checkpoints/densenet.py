"""torchvision's DenseNet <-> canonical weights: its published files were written when a
dense layer's parts were called norm.1, conv.1, norm.2 and conv.2.
"""

import re

from shared.arrays import Array, Weights
from shared.errors import unknown

SOURCES = ("torchvision",)
_OLDER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def from_public(source: str, state: Weights) -> dict[str, Array]:
    """Read the names of either age of torchvision."""
    _check(source)
    return {
        _OLDER.sub(r"\1\2.", name): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as torchvision's model does today, which are the canonical names."""
    _check(source)
    return dict(weights)


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of DenseNet checkpoints", source, SOURCES)

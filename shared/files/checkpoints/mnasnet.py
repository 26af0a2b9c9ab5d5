"""torchvision's MNASNet <-> canonical weights: `layers`, which Keras reserves, has
other names. Its load_state_dict wants to be told the version as well, which no plain
state dict holds: `state._metadata = {"": {"version": 2}}`, on an OrderedDict.
"""

import re

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown

SOURCES = ("torchvision",)


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    return {
        _own(name): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    return {
        re.sub(r"^features\.", "layers.", name).replace(".block.", ".layers."): value
        for name, value in weights.items()
    }


def _own(name: str) -> str:
    if name.startswith("features.") or ".block." in name:
        raise UsageError(f"{name} is no name of torchvision's MNASNet")
    return re.sub(r"^layers\.", "features.", name).replace(".layers.", ".block.")


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of MNASNet checkpoints", source, SOURCES)

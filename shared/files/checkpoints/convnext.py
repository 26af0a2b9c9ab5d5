"""torchvision's ConvNeXt <-> canonical weights.

torchvision has one list for downsamplings and stages, in turns, counts what turns and
squashes maps inside a block, and keeps gamma as `layer_scale`, with axes for rows and
columns.
"""

import re

from shared.arrays import Array, Weights
from shared.errors import unknown

SOURCES = ("torchvision",)
# Of a block, and around all of them.
_BLOCK = {"dwconv": "block.0", "norm": "block.2"}
_BLOCK |= {"pwconv1": "block.3", "pwconv2": "block.5"}
_ENDS = {"norm": "classifier.0", "head": "classifier.2"}
_BLOCK_OF, _ENDS_OF = ({v: k for k, v in names.items()} for names in (_BLOCK, _ENDS))


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    return dict(_own(name, value) for name, value in state.items())


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    return dict(_public(name, value) for name, value in weights.items())


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of ConvNeXt checkpoints", source, SOURCES)


def _own(name: str, value: Array) -> tuple[str, Array]:
    path, _, leaf = name.rpartition(".")
    if path in _ENDS_OF:
        return f"{_ENDS_OF[path]}.{leaf}", value
    found = re.fullmatch(r"features\.(\d+)\.(\d+)(?:\.(block\.\d))?", path)
    if found is None:  # no weight of a ConvNeXt: who loads it says so
        return name, value
    place, index, inner = int(found[1]), found[2], found[3]
    if place % 2 == 0:
        return f"downsample_layers.{place // 2}.{index}.{leaf}", value
    block = f"stages.{place // 2}.{index}"
    if leaf == "layer_scale":
        return f"{block}.gamma", value.reshape(-1)
    return f"{block}.{_BLOCK_OF.get(inner, inner)}.{leaf}", value


def _public(name: str, value: Array) -> tuple[str, Array]:
    path, _, leaf = name.rpartition(".")
    if path in _ENDS:
        return f"{_ENDS[path]}.{leaf}", value
    kind, stage, index, *inner = path.split(".")
    place = 2 * int(stage)
    if kind == "downsample_layers":
        return f"features.{place}.{index}.{leaf}", value
    block = f"features.{place + 1}.{index}"
    if leaf == "gamma":
        return f"{block}.layer_scale", value.reshape(-1, 1, 1)
    return f"{block}.{_BLOCK[inner[0]]}.{leaf}", value

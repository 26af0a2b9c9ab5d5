"""Names of tensors by tables, for the checkpoints of transformers.

In a table own names, or layers, stand for public ones; `#` stands for the number of a
block, in both.
"""

import re
from collections.abc import Mapping

import numpy as np

from shared.arrays import Array, Weights

_NUMBER = re.compile(r"(?<=[._])\d+(?=\.)")  # the first is a block's


def table(
    outer: Mapping[str, str], own: str, public: str, inner: Mapping[str, str]
) -> dict[str, str]:
    """The names outside the blocks, and those inside, which begin with `own` here and
    with `public` there."""
    return {**outer, **{own + name: public + other for name, other in inner.items()}}


def backwards(*tables: Mapping[str, str]) -> dict[str, str]:
    """Give the way from public names to own ones."""
    return {public: own for table in tables for own, public in table.items()}


def renamed(name: str, names: Mapping[str, str]) -> str:
    """Rename a tensor by itself, or by its layer; what is not in the table keeps its
    name."""
    block = _NUMBER.search(name)
    number = block.group() if block else ""
    general = _NUMBER.sub("#", name, count=1)
    layer, _, leaf = general.rpartition(".")
    if general in names:
        found = names[general]
    elif layer in names:
        found = f"{names[layer]}.{leaf}"
    else:
        return name
    return found.replace("#", number)


def split(weights: Weights) -> dict[str, Array]:
    """Take queries, keys and values apart: `qkv` becomes `q`, `k` and `v`."""
    found: dict[str, Array] = {}
    for name, value in weights.items():
        if ".qkv." in name:
            for letter, part in zip("qkv", np.split(value, 3), strict=True):
                found[name.replace(".qkv.", f".{letter}.")] = part
        else:
            found[name] = value
    return found


def joined(state: Weights) -> dict[str, Array]:
    """Join `q`, `k` and `v` to `qkv`; a part that lacks the others stays."""
    found: dict[str, Array] = {}
    for name, value in state.items():
        whole = re.sub(r"\.(attn|cross)\.[qkv]\.", r".\1.qkv.", name)
        parts = [whole.replace(".qkv.", f".{letter}.") for letter in "qkv"]
        if whole == name or any(part not in state for part in parts):
            found[name] = value
        elif whole not in found:
            found[whole] = np.concatenate([state[part] for part in parts])
    return found

"""Hugging Face's MixtralForCausalLM <-> canonical weights of mixtures of experts.

Published files have matrices of each expert, w1, w3 and w2 for gate, up and down;
transformers 5 stacks those of all, gate above up. Both are read, the second is written.
"""

import re
from collections import defaultdict

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import unknown

SOURCES = ("huggingface",)
_HEAD = "lm_head.weight"
_FILE = re.compile(
    r"(.*)\.block_sparse_moe\.(gate|experts\.\d+)(?:\.(w[123]))?\.weight"
)
_PARTS = {"w1": ".gate_proj", "w2": ".down_proj", "w3": ".up_proj", None: ""}
_EXPERT = re.compile(r"(.*\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.weight")


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    found: dict[str, Array] = {}
    for name, value in state.items():
        if told := _FILE.fullmatch(name):
            name = f"{told[1]}.mlp.{told[2]}{_PARTS[told[3]]}.weight"
        name = re.sub(r"^model\.layers\.", "blocks.", name).removeprefix("model.")
        found |= _apart(name, value)
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    found: dict[str, Array] = {}
    experts: dict[str, dict[str, dict[int, Array]]] = defaultdict(
        lambda: {"gate": {}, "up": {}, "down": {}}
    )
    for name, value in weights.items():
        name = name.replace("blocks.", "layers.", 1)
        name = name if name == _HEAD else f"model.{name}"
        if expert := _EXPERT.fullmatch(name):
            experts[expert[1]][expert[3]][int(expert[2])] = value
        else:
            found[name] = value
    for place, parts in experts.items():
        gate, up, down = (
            np.stack([values[i] for i in sorted(values)]) for values in parts.values()
        )
        found[f"{place}.gate_up_proj"] = np.concatenate([gate, up], 1)
        found[f"{place}.down_proj"] = down
    return found


def _apart(name: str, value: Array) -> dict[str, Array]:
    """Take what is stacked to its experts; what cannot be stays."""
    place, _, leaf = name.rpartition(".")
    if leaf == "down_proj":
        return {f"{place}.{i}.down_proj.weight": one for i, one in enumerate(value)}
    if leaf == "gate_up_proj" and value.ndim == 3 and value.shape[1] % 2 == 0:
        gate, up = np.split(value, 2, 1)
        return {
            f"{place}.{i}.{part}_proj.weight": one
            for part, stack in (("gate", gate), ("up", up))
            for i, one in enumerate(stack)
        }
    return {name: value}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of checkpoints of mixtures", source, SOURCES)

"""Hugging Face's MambaForCausalLM <-> canonical weights of Mamba.

Hugging Face has `backbone.` in front of all names, and the embedding once more as the
head.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, renamed, table

SOURCES = ("huggingface",)
_INNER = ("mixer", "mixer.in_proj", "mixer.conv1d", "mixer.x_proj", "mixer.dt_proj")
_NAMES = table(
    {"embeddings": "backbone.embeddings", "norm_f": "backbone.norm_f"},
    "blocks.#.",
    "backbone.layers.#.",
    {name: name for name in (*_INNER, "mixer.out_proj", "norm")},
)
_HEAD, _EMBEDDING = "lm_head.weight", "embeddings.weight"


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES)
    found = {renamed(name, names): value for name, value in state.items()}
    head = found.pop(_HEAD, None)
    if head is not None and not np.array_equal(head, found.get(_EMBEDDING, ())):
        raise UsageError(f"{_HEAD} is not equal to the embedding: Mamba's is tied")
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as they are named there; the embedding is there twice."""
    _check(source)
    state = {renamed(name, _NAMES): value for name, value in weights.items()}
    return state | {_HEAD: weights[_EMBEDDING]}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Mamba checkpoints", source, SOURCES)

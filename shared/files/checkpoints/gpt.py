"""Hugging Face's GPT2Model and GPT2LMHeadModel <-> canonical GPT-2 weights.

Hugging Face keeps the matrices of a block as OpenAI does, (in, out); a language model
has `transformer.` in front of each name and its tied head once more; older files hold
the causal masks as well.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown

SOURCES = ("huggingface",)
_PREFIX = "transformer."
_HEAD, _EMBEDDING = "lm_head.weight", "wte.weight"
_TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
_MASKS = (".attn.bias", ".attn.masked_bias")


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = {name.removeprefix(_PREFIX): name for name in state}
    head, tied = names.pop(_HEAD, None), names.get(_EMBEDDING)
    if head and not (tied and np.array_equal(state[head], state[tied])):
        raise UsageError(f"{head} is not equal to {_EMBEDDING}: GPT-2's head is tied")
    return {
        own: _turn(own, state[name])
        for own, name in names.items()
        if not own.endswith(_MASKS)
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as GPT2LMHeadModel does."""
    _check(source)
    state = {_PREFIX + name: _turn(name, value) for name, value in weights.items()}
    return {**state, _HEAD: weights[_EMBEDDING]}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of GPT-2 checkpoints", source, SOURCES)


def _turn(name: str, value: Array) -> Array:
    return value.T if name.endswith(_TRANSPOSED) else value

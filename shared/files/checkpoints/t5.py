"""Hugging Face's T5ForConditionalGeneration <-> canonical weights of T5.

Hugging Face numbers the sub-layers of a block, keeps the table of relative positions in
the first block, and has the embedding once more in each stack and as a tied head.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, renamed

SOURCES = ("huggingface",)
_ENCODER = {
    "norm1": "layer.0.layer_norm",
    "attn": "layer.0.SelfAttention",
    "norm2": "layer.1.layer_norm",
    "mlp": "layer.1.DenseReluDense",
}
_DECODER = {
    "norm1": "layer.0.layer_norm",
    "attn": "layer.0.SelfAttention",
    "norm2": "layer.1.layer_norm",
    "cross": "layer.1.EncDecAttention",
    "norm3": "layer.2.layer_norm",
    "mlp": "layer.2.DenseReluDense",
}
_INSIDE = {"attn": "qkvo", "cross": "qkvo", "mlp": ("wi", "wi_0", "wi_1", "wo")}
_NAMES = {"embedding": "shared"}
for _stack, _layers in (("encoder", _ENCODER), ("decoder", _DECODER)):
    _NAMES[f"{_stack}.norm"] = f"{_stack}.final_layer_norm"
    for _own, _public in _layers.items():
        for _leaf in _INSIDE.get(_own, ("",)):
            _end = f".{_leaf}" if _leaf else ""
            _NAMES[f"{_stack}.blocks.#.{_own}{_end}"] = (
                f"{_stack}.block.#.{_public}{_end}"
            )
_TABLES = {
    f"{stack}.relative.weight": (
        f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    )
    for stack in ("encoder", "decoder")
}
_EMBEDDING, _HEAD = "embedding.weight", "lm_head.weight"
_AGAIN = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names, tables = backwards(_NAMES), backwards(_TABLES)
    found = {
        tables.get(name) or renamed(name, names): value
        for name, value in state.items()
        if name not in _AGAIN
    }
    embedding = found.get(_EMBEDDING, np.empty(0))
    for name in _AGAIN:
        if name in state and not np.array_equal(state[name], embedding):
            raise UsageError(f"{name} is not equal to shared.weight: T5 has one")
    if _HEAD in found and np.array_equal(found[_HEAD], embedding):
        del found[_HEAD]
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as they are named there, the embedding as often as it is there."""
    _check(source)
    state = {
        _TABLES.get(name) or renamed(name, _NAMES): value
        for name, value in weights.items()
    }
    again = _AGAIN if _HEAD in weights else (*_AGAIN, _HEAD)
    return state | dict.fromkeys(again, weights[_EMBEDDING])


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of T5 checkpoints", source, SOURCES)

"""Hugging Face's AlbertModel and AlbertForMaskedLM <-> canonical weights.

Hugging Face keeps queries, keys and values apart; a model with a head has `albert.` in
front of the encoder's names, and the tied weight and bias of its words once more.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, joined, split

SOURCES = ("huggingface",)
_PREFIX = "albert."
_BLOCK = "encoder.albert_layer_groups.0.albert_layers.0"
_NAMES = {
    "encoder.embeddings.word": "embeddings.word_embeddings",
    "encoder.embeddings.position": "embeddings.position_embeddings",
    "encoder.embeddings.token_type": "embeddings.token_type_embeddings",
    "encoder.embeddings.norm": "embeddings.LayerNorm",
    "encoder.widen": "encoder.embedding_hidden_mapping_in",
    "encoder.block.attn.q": f"{_BLOCK}.attention.query",
    "encoder.block.attn.k": f"{_BLOCK}.attention.key",
    "encoder.block.attn.v": f"{_BLOCK}.attention.value",
    "encoder.block.attn.proj": f"{_BLOCK}.attention.dense",
    "encoder.block.norm1": f"{_BLOCK}.attention.LayerNorm",
    "encoder.block.mlp.fc1": f"{_BLOCK}.ffn",
    "encoder.block.mlp.fc2": f"{_BLOCK}.ffn_output",
    "encoder.block.norm2": f"{_BLOCK}.full_layer_layer_norm",
    "pooler.dense": "pooler",
}
_HEAD = {
    "head.bias": "predictions.bias",
    "head.dense": "predictions.dense",
    "head.norm": "predictions.LayerNorm",
}
# What is the same tensor as another, by our names.
_TIED = {
    "predictions.decoder.weight": "encoder.embeddings.word.weight",
    "predictions.decoder.bias": "head.bias",
}
_PLACES = "position_ids"


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES, _HEAD)
    found = {
        _renamed(name.removeprefix(_PREFIX), names): value
        for name, value in state.items()
        if not name.endswith(_PLACES) and name not in _TIED
    }
    for again, name in _TIED.items():
        if again in state and not np.array_equal(state[again], found.get(name, ())):
            raise UsageError(f"{again} is not equal to {name}: ALBERT's words are tied")
    return joined(found)


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    prefix = _PREFIX * ("head.bias" in weights)
    names = {**{own: prefix + public for own, public in _NAMES.items()}, **_HEAD}
    state = {_renamed(name, names): v for name, v in split(weights).items()}
    if "head.bias" in weights:
        state |= {again: weights[name] for again, name in _TIED.items()}
    return state


def _renamed(name: str, names: dict[str, str]) -> str:
    """By the tensor itself, or its layer; the only numbers there are, are noughts."""
    layer, _, leaf = name.rpartition(".")
    if name in names:
        return names[name]
    return f"{names[layer]}.{leaf}" if layer in names else name


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of ALBERT checkpoints", source, SOURCES)

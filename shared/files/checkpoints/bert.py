"""Hugging Face's BertModel, BertForMaskedLM and BertForSequenceClassification <->
canonical weights.

Hugging Face keeps queries, keys and values apart; a model with a head has `bert.` in
front of the encoder's names, and the tied weight and bias of its words once more. Older
files hold the numbers of the places as well, and call what a norm multiplies by gamma
and what it adds beta.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, joined, renamed, split, table

SOURCES = ("huggingface",)
_PREFIX = "bert."
_NAMES = table(
    {
        "encoder.embeddings.word": "embeddings.word_embeddings",
        "encoder.embeddings.position": "embeddings.position_embeddings",
        "encoder.embeddings.token_type": "embeddings.token_type_embeddings",
        "encoder.embeddings.norm": "embeddings.LayerNorm",
    },
    "encoder.blocks.#.",
    "encoder.layer.#.",
    {
        "attn.q": "attention.self.query",
        "attn.k": "attention.self.key",
        "attn.v": "attention.self.value",
        "attn.proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
        "norm2": "output.LayerNorm",
    },
)
_HEADS = {
    "head.bias": "cls.predictions.bias",
    "head.dense": "cls.predictions.transform.dense",
    "head.norm": "cls.predictions.transform.LayerNorm",
}
# What is the same tensor as another, by our names.
_TIED = {
    "cls.predictions.decoder.weight": "encoder.embeddings.word.weight",
    "cls.predictions.decoder.bias": "head.bias",
}
_PLACES = "position_ids"
_LEAVES = {"gamma": "weight", "beta": "bias"}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES, _HEADS)
    found = {
        renamed(_of_today(name), names): value
        for name, value in state.items()
        if not name.endswith(_PLACES) and name not in _TIED
    }
    for again, name in _TIED.items():
        if again in state and not np.array_equal(state[again], found.get(name, ())):
            raise UsageError(f"{again} is not equal to {name}: BERT's words are tied")
    return joined(found)


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    headed = any(name.startswith(("head.", "classifier.")) for name in weights)
    body = {own: _PREFIX * headed + public for own, public in _NAMES.items()}
    names = {**body, **_HEADS, "pooler.dense": f"{_PREFIX * headed}pooler.dense"}
    state = {renamed(name, names): v for name, v in split(weights).items()}
    if "head.bias" in weights:
        state |= {again: weights[name] for again, name in _TIED.items()}
    return state


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of BERT checkpoints", source, SOURCES)


def _of_today(name: str) -> str:
    layer, _, leaf = name.removeprefix(_PREFIX).rpartition(".")
    return f"{layer}.{_LEAVES.get(leaf, leaf)}"

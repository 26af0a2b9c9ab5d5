"""Hugging Face's BertModel, RobertaModel, DistilBertModel and their heads for masked
words, classes of texts and of tokens, and questions <-> canonical weights.

Hugging Face keeps queries, keys and values apart; a model with a head has `bert.` in
front of the encoder's names, and the tied weight and bias of its words once more. Older
files hold the numbers of the places as well, and call what a norm multiplies by gamma
and what it adds beta. RoBERTa's head for classes holds what is our pooler.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, joined, renamed, split, table

_WORD = "encoder.embeddings.word.weight"
_BERT = table(
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
_DISTILBERT = table(
    {
        "encoder.embeddings.word": "embeddings.word_embeddings",
        "encoder.embeddings.position": "embeddings.position_embeddings",
        "encoder.embeddings.norm": "embeddings.LayerNorm",
    },
    "encoder.blocks.#.",
    "transformer.layer.#.",
    {
        "attn.q": "attention.q_lin",
        "attn.k": "attention.k_lin",
        "attn.v": "attention.v_lin",
        "attn.proj": "attention.out_lin",
        "norm1": "sa_layer_norm",
        "mlp.fc1": "ffn.lin1",
        "mlp.fc2": "ffn.lin2",
        "norm2": "output_layer_norm",
    },
)


@dataclass(frozen=True)
class _Form:
    """The names of one kind of model there.

    body: below `prefix` where there is a head. words: of the head for them.
    classes: of what makes classes of texts. tied: names there of tensors that are
        another's, by our names.
    """

    prefix: str
    body: Mapping[str, str]
    words: Mapping[str, str]
    classes: Mapping[str, str]
    tied: Mapping[str, str]


_FORMS = {
    "huggingface": _Form(
        "bert.",
        _BERT,
        {
            "head.bias": "cls.predictions.bias",
            "head.dense": "cls.predictions.transform.dense",
            "head.norm": "cls.predictions.transform.LayerNorm",
        },
        {"pooler.dense": "bert.pooler.dense"},
        {
            "cls.predictions.decoder.weight": _WORD,
            "cls.predictions.decoder.bias": "head.bias",
        },
    ),
    "huggingface.roberta": _Form(
        "roberta.",
        _BERT,
        {
            "head.bias": "lm_head.bias",
            "head.dense": "lm_head.dense",
            "head.norm": "lm_head.layer_norm",
        },
        {"pooler.dense": "classifier.dense", "classifier": "classifier.out_proj"},
        {"lm_head.decoder.weight": _WORD, "lm_head.decoder.bias": "head.bias"},
    ),
    "huggingface.distilbert": _Form(
        "distilbert.",
        _DISTILBERT,
        {
            "head.bias": "vocab_projector.bias",
            "head.dense": "vocab_transform",
            "head.norm": "vocab_layer_norm",
        },
        {"pooler.dense": "pre_classifier"},
        {"vocab_projector.weight": _WORD},
    ),
}
SOURCES = tuple(_FORMS)
ONLY = {
    "huggingface.roberta": "roberta_base",
    "huggingface.distilbert": "distilbert_base",
}
_PLACES = "position_ids"
_LEAVES = {"gamma": "weight", "beta": "bias"}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    form = _form(source)
    names = backwards(form.body, form.words, form.classes)
    names["pooler.dense"] = "pooler.dense"
    found = {
        renamed(_of_today(name, form.prefix), names): value
        for name, value in state.items()
        if not name.endswith(_PLACES) and name not in form.tied
    }
    for again, name in form.tied.items():
        if again in state and not np.array_equal(state[again], found.get(name, ())):
            raise UsageError(f"{again} is not equal to {name}: BERT's words are tied")
    return joined(found)


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    form = _form(source)
    heads = ("head.", "classifier.", "qa_outputs.")
    headed = any(name.startswith(heads) for name in weights)
    body = {own: form.prefix * headed + public for own, public in form.body.items()}
    of_texts = headed and "pooler.dense.weight" in weights
    names = {**body, **form.words, **(form.classes if of_texts else {})}
    state = {renamed(name, names): v for name, v in split(weights).items()}
    if "head.bias" in weights:
        state |= {again: weights[name] for again, name in form.tied.items()}
    return state


def _form(source: str) -> _Form:
    if source not in SOURCES:
        raise unknown("source of BERT checkpoints", source, SOURCES)
    return _FORMS[source]


def _of_today(name: str, prefix: str) -> str:
    layer, _, leaf = name.removeprefix(prefix).rpartition(".")
    return f"{layer}.{_LEAVES.get(leaf, leaf)}"

"""torchvision's, Hugging Face's and timm's Vision Transformers <-> canonical weights.

timm's names are ours. torchvision has no distillation token, and in its older files the
matrices of an MLP are linear_1 and linear_2. Hugging Face keeps queries, keys and
values apart; its model is ViTForImageClassification, with a distillation token
DeiTForImageClassificationWithTeacher. Version 5 has other names in memory than in its
files: both are read, those of the files, which all versions load, are written.
"""

import re
from collections.abc import Mapping

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown

SOURCES = ("torchvision", "huggingface", "timm")
_DISTILLED = "dist_token"
_PREFIXES = {True: "deit.", False: "vit."}  # with a distillation token, without
_NUMBER = re.compile(r"(?<=[._])\d+(?=\.)")  # the first is a block's


def _table(
    outer: Mapping[str, str], block: str, inner: Mapping[str, str]
) -> dict[str, str]:
    """# stands for the number of a block."""
    blocks = {f"blocks.#.{own}": block + public for own, public in inner.items()}
    return {**outer, **blocks}


_TORCHVISION = _table(
    {
        "cls_token": "class_token",
        "pos_embed": "encoder.pos_embedding",
        "patch_embed.proj": "conv_proj",
        "norm": "encoder.ln",
        "head": "heads.head",
    },
    "encoder.layers.encoder_layer_#.",
    {
        "norm1": "ln_1",
        "attn.qkv.weight": "self_attention.in_proj_weight",
        "attn.qkv.bias": "self_attention.in_proj_bias",
        "attn.proj": "self_attention.out_proj",
        "norm2": "ln_2",
        "mlp.fc1": "mlp.0",
        "mlp.fc2": "mlp.3",
    },
)
_TORCHVISION_OLD = _table(
    {},
    "encoder.layers.encoder_layer_#.",
    {"mlp.fc1": "mlp.linear_1", "mlp.fc2": "mlp.linear_2"},
)
_HEADS = {
    True: {"head": "cls_classifier", "head_dist": "distillation_classifier"},
    False: {"head": "classifier"},
}
_HUGGINGFACE = _table(
    {
        "cls_token": "embeddings.cls_token",
        "dist_token": "embeddings.distillation_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "norm": "layernorm",
    },
    "encoder.layer.#.",
    {
        "norm1": "layernorm_before",
        "attn.q": "attention.attention.query",
        "attn.k": "attention.attention.key",
        "attn.v": "attention.attention.value",
        "attn.proj": "attention.output.dense",
        "norm2": "layernorm_after",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    },
)
_HUGGINGFACE_IN_MEMORY = _table(
    {},
    "layers.#.",
    {
        "norm1": "layernorm_before",
        "attn.q": "attention.q_proj",
        "attn.k": "attention.k_proj",
        "attn.v": "attention.v_proj",
        "attn.proj": "attention.o_proj",
        "norm2": "layernorm_after",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    },
)


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    if source == "timm":
        return dict(state)
    if source == "torchvision":
        names = _backwards(_TORCHVISION, _TORCHVISION_OLD)
        return {_renamed(name, names): value for name, value in state.items()}
    names = _backwards(*_HEADS.values(), _HUGGINGFACE, _HUGGINGFACE_IN_MEMORY)
    deit, vit = _PREFIXES.values()
    short = {n.removeprefix(deit).removeprefix(vit): v for n, v in state.items()}
    return _joined({_renamed(name, names): value for name, value in short.items()})


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    distilled = _DISTILLED in weights
    if source == "timm":
        return dict(weights)
    if source == "torchvision":
        if distilled:
            raise UsageError("torchvision has no ViT with a distillation token")
        return {_renamed(name, _TORCHVISION): v for name, v in weights.items()}
    prefix = _PREFIXES[distilled]
    body = {own: prefix + public for own, public in _HUGGINGFACE.items()}
    names = {**body, **_HEADS[distilled]}
    return {_renamed(name, names): v for name, v in _split(weights).items()}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of ViT checkpoints", source, SOURCES)


def _backwards(*tables: Mapping[str, str]) -> dict[str, str]:
    return {public: own for table in tables for own, public in table.items()}


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """By its layer, or by itself; what is not in the table keeps its name."""
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


def _split(weights: Weights) -> dict[str, Array]:
    """Queries, keys and values apart."""
    found: dict[str, Array] = {}
    for name, value in weights.items():
        if ".qkv." in name:
            for letter, part in zip("qkv", np.split(value, 3), strict=True):
                found[name.replace(".qkv.", f".{letter}.")] = part
        else:
            found[name] = value
    return found


def _joined(state: Weights) -> dict[str, Array]:
    """The inverse; a part that lacks the others stays by itself."""
    found: dict[str, Array] = {}
    for name, value in state.items():
        whole = re.sub(r"\.attn\.[qkv]\.", ".attn.qkv.", name)
        parts = [whole.replace(".qkv.", f".{letter}.") for letter in "qkv"]
        if whole == name or any(part not in state for part in parts):
            found[name] = value
        elif whole not in found:
            found[whole] = np.concatenate([state[part] for part in parts])
    return found

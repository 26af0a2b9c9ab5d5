"""torchvision's, Hugging Face's and timm's Vision Transformers <-> canonical weights.

timm's names are ours. torchvision has no distillation token, and in its older files the
matrices of an MLP are linear_1 and linear_2. Hugging Face keeps queries, keys and
values apart; its model is ViTForImageClassification, with a distillation token
DeiTForImageClassificationWithTeacher. Version 5 has other names in memory than in its
files: both are read, those of the files, which all versions load, are written.
"""

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, joined, renamed, split, table

SOURCES = ("torchvision", "huggingface", "timm")
_DISTILLED = "dist_token"
_PREFIXES = {True: "deit.", False: "vit."}  # with a distillation token, without


_TORCHVISION = table(
    {
        "cls_token": "class_token",
        "pos_embed": "encoder.pos_embedding",
        "patch_embed.proj": "conv_proj",
        "norm": "encoder.ln",
        "head": "heads.head",
    },
    "blocks.#.",
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
_TORCHVISION_OLD = table(
    {},
    "blocks.#.",
    "encoder.layers.encoder_layer_#.",
    {"mlp.fc1": "mlp.linear_1", "mlp.fc2": "mlp.linear_2"},
)
_HEADS = {
    True: {"head": "cls_classifier", "head_dist": "distillation_classifier"},
    False: {"head": "classifier"},
}
_HUGGINGFACE = table(
    {
        "cls_token": "embeddings.cls_token",
        "dist_token": "embeddings.distillation_token",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "norm": "layernorm",
    },
    "blocks.#.",
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
_HUGGINGFACE_IN_MEMORY = table(
    {},
    "blocks.#.",
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
        names = backwards(_TORCHVISION, _TORCHVISION_OLD)
        return {renamed(name, names): value for name, value in state.items()}
    names = backwards(*_HEADS.values(), _HUGGINGFACE, _HUGGINGFACE_IN_MEMORY)
    deit, vit = _PREFIXES.values()
    short = {n.removeprefix(deit).removeprefix(vit): v for n, v in state.items()}
    return joined({renamed(name, names): value for name, value in short.items()})


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    distilled = _DISTILLED in weights
    if source == "timm":
        return dict(weights)
    if source == "torchvision":
        if distilled:
            raise UsageError("torchvision has no ViT with a distillation token")
        return {renamed(name, _TORCHVISION): v for name, v in weights.items()}
    prefix = _PREFIXES[distilled]
    body = {own: prefix + public for own, public in _HUGGINGFACE.items()}
    names = {**body, **_HEADS[distilled]}
    return {renamed(name, names): v for name, v in split(weights).items()}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of ViT checkpoints", source, SOURCES)

"""The layers of torch.nn.TransformerEncoder and TransformerDecoder, without their last
norms, <-> canonical weights.

torch keeps queries, keys and values together. Its attention has biases where its norms
have some: of our variants those with `bias`.
"""

from shared.arrays import Array, Weights
from shared.errors import unknown
from shared.files.renaming import backwards, joined, renamed, split

SOURCES = ("torch",)
ONLY = {"torch": "transformer_base_bias"}
_ENCODER = {
    "attn.qkv": "self_attn.in_proj",
    "attn.proj": "self_attn.out_proj",
    "norm1": "norm1",
    "mlp.fc1": "linear1",
    "mlp.fc2": "linear2",
    "norm2": "norm2",
}
_DECODER = {
    **_ENCODER,
    "cross.qkv": "multihead_attn.in_proj",
    "cross.proj": "multihead_attn.out_proj",
    "norm3": "norm3",
}
_NAMES = {
    f"{half}.#.{own}": f"{half}.layers.#.{public}"
    for half, names in (("encoder", _ENCODER), ("decoder", _DECODER))
    for own, public in names.items()
}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES)
    whole = {name.replace("in_proj_", "in_proj."): v for name, v in state.items()}
    return split({renamed(name, names): value for name, value in whole.items()})


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    return {
        renamed(name, _NAMES).replace("in_proj.", "in_proj_"): value
        for name, value in joined(weights).items()
    }


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Transformer checkpoints", source, SOURCES)

"""The decoder of Hugging Face's T5 1.1, without what looks at an encoder <-> canonical
weights of LaMDA, of which no checkpoint is public.

Hugging Face numbers the sub-layers of a block, and keeps the table of relative
positions in the first.
"""

from shared.arrays import Array, Weights
from shared.errors import unknown
from shared.files.renaming import backwards, renamed

SOURCES = ("huggingface",)
ONLY = {"huggingface": "lamda_2b"}
_INNER = {
    "norm1": "layer.0.layer_norm",
    **{f"attn.{leaf}": f"layer.0.SelfAttention.{leaf}" for leaf in "qkvo"},
    "norm2": "layer.1.layer_norm",
    **{
        f"mlp.{leaf}": f"layer.1.DenseReluDense.{leaf}"
        for leaf in ("wi_0", "wi_1", "wo")
    },
}
_NAMES = {
    "embedding": "decoder.embed_tokens",
    "norm": "decoder.final_layer_norm",
    **{f"blocks.#.{own}": f"decoder.block.#.{leaf}" for own, leaf in _INNER.items()},
}
_OWN = "relative.weight"
_TABLE = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES)
    return {
        _OWN if name == _TABLE else renamed(name, names): value
        for name, value in state.items()
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    return {
        _TABLE if name == _OWN else renamed(name, _NAMES): value
        for name, value in weights.items()
    }


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of LaMDA checkpoints", source, SOURCES)

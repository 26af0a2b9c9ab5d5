"""Hugging Face's WhisperForConditionalGeneration <-> canonical weights of Whisper.

Hugging Face keeps the encoder's table of positions, which is no parameter, and the
embedding of words once more as a head.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.files.renaming import backwards, renamed

SOURCES = ("huggingface",)
_ATTENTION = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "proj": "out_proj"}
_ENCODER = {
    **{f"attn.{own}": f"self_attn.{leaf}" for own, leaf in _ATTENTION.items()},
    "norm1": "self_attn_layer_norm",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
    "norm2": "final_layer_norm",
}
_DECODER = {
    **_ENCODER,
    **{f"cross.{own}": f"encoder_attn.{leaf}" for own, leaf in _ATTENTION.items()},
    "norm2": "encoder_attn_layer_norm",
    "norm3": "final_layer_norm",
}
_NAMES = {
    "encoder.conv1": "model.encoder.conv1",
    "encoder.conv2": "model.encoder.conv2",
    "encoder.norm": "model.encoder.layer_norm",
    "decoder.tokens": "model.decoder.embed_tokens",
    "decoder.positions": "model.decoder.embed_positions",
    "decoder.norm": "model.decoder.layer_norm",
}
for _stack, _inner in (("encoder", _ENCODER), ("decoder", _DECODER)):
    for _own, _leaf in _inner.items():
        _NAMES[f"{_stack}.blocks.#.{_own}"] = f"model.{_stack}.layers.#.{_leaf}"
_TABLE = "model.encoder.embed_positions.weight"
_HEAD, _EMBEDDING = "proj_out.weight", "decoder.tokens.weight"


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES)
    found = {
        renamed(name, names): value for name, value in state.items() if name != _TABLE
    }
    head = found.pop(_HEAD, None)
    if head is not None and not np.array_equal(head, found.get(_EMBEDDING, ())):
        raise UsageError(f"{_HEAD} is not equal to the embedding: Whisper's is tied")
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as they are named there; the embedding is there twice."""
    _check(source)
    state = {renamed(name, _NAMES): value for name, value in weights.items()}
    return state | {_HEAD: weights[_EMBEDDING]}


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Whisper checkpoints", source, SOURCES)

"""Hugging Face's LlamaForCausalLM and MistralForCausalLM, and GGUF's names <->
canonical weights of LLaMA.

Hugging Face has `model.` in front of all names but the head's, and the embedding once
more as a tied head; older files hold the rotary frequencies as well. A GGUF has names
of its own; the rows of queries and keys stand in it in the interleaved order, which
shared/files/gguf.py turns back, as it knows the heads.
"""

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import unknown
from shared.files.renaming import backwards, renamed, table

SOURCES = ("huggingface", "gguf")
ONLY = {"gguf": "smollm2_135m"}
_HEAD, _EMBEDDING = "lm_head.weight", "embed_tokens.weight"
_TABLE = "rotary_emb.inv_freq"
_INNER = (
    "input_layernorm",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "post_attention_layernorm",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)
_NAMES = {
    "huggingface": table(
        {"embed_tokens": "model.embed_tokens", "norm": "model.norm"},
        "blocks.#.",
        "model.layers.#.",
        {name: name for name in _INNER},
    ),
    "gguf": table(
        {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"},
        "blocks.#.",
        "blk.#.",
        dict(
            zip(
                _INNER,
                (
                    "attn_norm",
                    "attn_q",
                    "attn_k",
                    "attn_v",
                    "attn_output",
                    "ffn_norm",
                    "ffn_gate",
                    "ffn_up",
                    "ffn_down",
                ),
                strict=True,
            )
        ),
    ),
}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    names = backwards(_NAMES[source])
    return {
        renamed(name, names): value
        for name, value in _untied(state).items()
        if not name.endswith(_TABLE)
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    """Name tensors as they are named there; a tied head is there twice, for Hugging
    Face alone."""
    _check(source)
    state = {renamed(name, _NAMES[source]): v for name, v in weights.items()}
    if source == "huggingface" and _HEAD not in weights:
        state[_HEAD] = weights[_EMBEDDING]
    return state


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of LLaMA checkpoints", source, SOURCES)


def _untied(state: Weights) -> Weights:
    """Without a head that is the embedding once more."""
    embedding = state.get(f"model.{_EMBEDDING}", np.empty(0))
    if _HEAD in state and np.array_equal(state[_HEAD], embedding):
        return {name: value for name, value in state.items() if name != _HEAD}
    return state

"""The package silero-vad's own names (silero_vad_16k.safetensors) <-> canonical
weights; the last layer is a convolution of one place there."""

import re

from shared.arrays import Array, Weights
from shared.errors import unknown

SOURCES = ("silero",)
ONLY = {"silero": "silero_vad"}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    found: dict[str, Array] = {}
    for name, value in state.items():
        if match := re.fullmatch(r"conv(\d+)\.(\w+)", name):
            found[f"convs.{int(match[1]) - 1}.{match[2]}"] = value
        elif name.startswith("lstm_cell."):
            found[f"lstm.{name.removeprefix('lstm_cell.')}_l0"] = value
        elif name == "final_conv.weight":
            found["out.weight"] = value[..., 0]
        else:
            own = name.replace("stft_conv.", "stft.").replace("final_conv.", "out.")
            found[own] = value
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    found: dict[str, Array] = {}
    for name, value in weights.items():
        if match := re.fullmatch(r"convs\.(\d+)\.(\w+)", name):
            found[f"conv{int(match[1]) + 1}.{match[2]}"] = value
        elif name.startswith("lstm."):
            own = name.removeprefix("lstm.").removesuffix("_l0")
            found[f"lstm_cell.{own}"] = value
        elif name == "out.weight":
            found["final_conv.weight"] = value[..., None]
        else:
            own = name.replace("stft.", "stft_conv.").replace("out.", "final_conv.")
            found[own] = value
    return found


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Silero VAD's checkpoints", source, SOURCES)

"""keras.applications' MobileNet <-> canonical weights.

Its blocks are numbered through from 1, and its last layer is a 1x1 convolution.
"""

from typing import Any

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.specs.vision.mobilenet import MobileNetV1Spec

SOURCES = ("keras.applications",)
_HEAD, _OWN_HEAD = "conv_preds", "classifier"
# Of a block; {} is its number, from 1.
_BLOCK = {
    "conv_dw_{}": "conv_dw",
    "conv_dw_{}_bn": "bn1",
    "conv_pw_{}": "conv_pw",
    "conv_pw_{}_bn": "bn2",
}


def original(spec: MobileNetV1Spec) -> tuple[str, dict[str, Any]]:
    """What keras.applications calls this model, and the arguments that make it."""
    usual = MobileNetV1Spec()
    if (spec.stem_width, spec.depths, spec.widths) != (
        usual.stem_width,
        usual.depths,
        usual.widths,
    ):
        raise UsageError("keras.applications has no MobileNet of these widths")
    return "MobileNet", {"alpha": spec.width_multiplier, "classes": spec.num_classes}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    return {
        name: value[:, :, 0, 0] if name == f"{_OWN_HEAD}.weight" else value
        for name, value in _renamed(state, _layers()).items()
    }


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    back = {own: theirs for theirs, own in _layers().items()}
    return {
        name: value[:, :, None, None] if name == f"{_HEAD}.weight" else value
        for name, value in _renamed(weights, back).items()
    }


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of MobileNet checkpoints", source, SOURCES)


def _layers() -> dict[str, str]:
    """Give each layer's name in keras.applications, and ours."""
    found = {"conv1": "conv_stem", "conv1_bn": "bn1", _HEAD: _OWN_HEAD}
    blocks = [(s, i) for s, n in enumerate(MobileNetV1Spec.depths) for i in range(n)]
    for number, (stage, i) in enumerate(blocks, start=1):
        for theirs, own in _BLOCK.items():
            found[theirs.format(number)] = f"blocks.{stage}.{i}.{own}"
    return found


def _renamed(state: Weights, layers: dict[str, str]) -> dict[str, Array]:
    split = {name: name.rpartition(".") for name in state}
    return {
        f"{layers.get(layer, layer)}{dot}{leaf}": state[name]
        for name, (layer, dot, leaf) in split.items()
    }

"""State dicts of torch.nn.RNN, GRU and LSTM, and the files of the package chars2vec,
<-> canonical weights.

torch's names stand behind `rnn.` here. A chars2vec file is Keras's, of LSTM layers one
after another: kernels are (in, gates * hidden), and one bias stands for our two, which
is read as the first of them.
"""

import re

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown

SOURCES = ("torch", "chars2vec")
ONLY = {"torch": "elman_10_20", "chars2vec": "chars2vec_50"}
_PREFIX = "rnn."
_KERAS = {
    "kernel": ("weight_ih", True),
    "recurrent_kernel": ("weight_hh", True),
    "bias": ("bias_ih", False),
}
# lstm_2/lstm_2/bias:0, and lstm_2/lstm_2/lstm_cell/bias:0 of later versions
_PATH = re.compile(
    r"(?P<layer>[^/]+)/(?:.*/)?(?P<leaf>kernel|recurrent_kernel|bias)(:0)?"
)


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    if source == "torch":
        return {_PREFIX + name: value for name, value in state.items()}
    layers: dict[str, int] = {}
    found: dict[str, Array] = {}
    for path, value in state.items():
        if (match := re.fullmatch(_PATH, path)) is None:
            raise UsageError(f"{path} is no tensor of a Keras LSTM")
        k = layers.setdefault(match["layer"], len(layers))
        name, turned = _KERAS[match["leaf"]]
        found[f"{_PREFIX}{name}_l{k}"] = value.T if turned else value
        if name == "bias_ih":
            found[f"{_PREFIX}bias_hh_l{k}"] = np.zeros_like(value)
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    if source == "torch":
        return {name.removeprefix(_PREFIX): value for name, value in weights.items()}
    found: dict[str, Array] = {}
    leaves = {own: (leaf, turned) for leaf, (own, turned) in _KERAS.items()}
    for name, value in weights.items():
        match = re.fullmatch(r"rnn\.(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)", name)
        if match is None:
            raise UsageError(f"{name} has no place in a stack of Keras's LSTMs")
        own, layer = match[1], f"lstm_{int(match[2]) + 1}"
        if own == "bias_ih":
            value = value + weights[name.replace("ih", "hh")]
        if own in leaves:
            leaf, turned = leaves[own]
            found[f"{layer}/{layer}/{leaf}:0"] = value.T if turned else value
    return found


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of recurrent checkpoints", source, SOURCES)

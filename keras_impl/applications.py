"""Files of weights of keras.applications' models, read and written by Keras through a
model of theirs. State dicts name tensors by the model's layers, in canonical layouts.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_impl.adapter import KerasModel
from shared.arrays import Array, Weights

_UNNAMED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?")


def read(path: Path, name: str, arguments: Mapping[str, Any]) -> dict[str, Array]:
    """Read the weights of a `.h5`, `.weights.h5` or `.keras` file."""
    return _model(name, arguments).read_native(path)


def write(
    path: Path, name: str, arguments: Mapping[str, Any], weights: Weights
) -> None:
    """Write weights as a `.weights.h5` or `.keras` file."""
    _model(name, arguments).write_native(path, weights)


def _model(name: str, arguments: Mapping[str, Any]) -> KerasModel:
    make = getattr(keras.applications, name)
    native = make(weights=None, classifier_activation=None, **arguments)
    _count_from_0(native)
    return KerasModel(native, keras.config.floatx())


def _count_from_0(model: keras.Model) -> None:
    """Keras goes on counting layers without a name where another model was made."""
    found: dict[str, list[tuple[int, keras.Layer]]] = defaultdict(list)
    for layer in model.layers:
        if match := _UNNAMED.fullmatch(layer.name):
            found[match[1]].append((int(match[2] or 0), layer))
    for kind, layers in found.items():
        for i, (_, layer) in enumerate(sorted(layers, key=lambda pair: pair[0])):
            layer.name = f"{kind}_{i}" if i else kind

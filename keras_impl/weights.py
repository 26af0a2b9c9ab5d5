"""Keras variables <-> canonical ones: one rule per layer type."""

from collections.abc import Iterator
from typing import Any

import keras
from keras import layers

from shared.files.weights import DENSE, KERNEL, SAME, Layout, Slot, depthwise

_NORM = {
    "gamma": ("weight", SAME),
    "scale": ("weight", SAME),
    "beta": ("bias", SAME),
    "moving_mean": ("running_mean", SAME),
    "moving_variance": ("running_var", SAME),
}
_CONV = {"kernel": ("weight", KERNEL)}
# Layer type -> attribute -> canonical leaf and layout; what is not listed keeps both.
RULES: dict[type, dict[str, tuple[str, Layout]]] = {
    layers.Dense: {"kernel": ("weight", DENSE)},
    layers.Conv1D: _CONV,
    layers.Conv2D: _CONV,
    layers.Conv3D: _CONV,
    layers.Conv1DTranspose: _CONV,
    layers.Conv2DTranspose: _CONV,
    layers.Conv3DTranspose: _CONV,
    layers.Embedding: {"embeddings": ("weight", SAME)},
    layers.BatchNormalization: _NORM,
    layers.LayerNormalization: _NORM,
    layers.GroupNormalization: _NORM,
    layers.RMSNormalization: _NORM,
}
# Dense, EinsumDense and Embedding keep these behind properties.
_HIDDEN = ("_kernel", "_embeddings")


def children(layer: Any) -> Iterator[tuple[str, Any]]:
    """The attributes and items that can hold variables, in order of definition."""
    if isinstance(layer, list | tuple):
        yield from ((str(i), value) for i, value in enumerate(layer))
    elif isinstance(layer, dict):
        yield from layer.items()
    elif isinstance(layer, keras.Sequential):
        yield from ((str(i), value) for i, value in enumerate(layer.layers))
    elif isinstance(layer, keras.Model) and _is_functional(layer):
        yield from ((value.name, value) for value in layer.layers)
    elif isinstance(layer, layers.Layer):
        # On the torch back end a layer is a torch module, which keeps its layers apart.
        for name, value in (vars(layer) | vars(layer).get("_modules", {})).items():
            if name in _HIDDEN:
                yield name.removeprefix("_"), value
            elif not name.startswith("_"):
                yield name, value


def _is_functional(model: keras.Model) -> bool:
    return type(model) is keras.Model or type(model).__name__ == "Functional"


def named_layers(layer: Any, path: str = "") -> Iterator[tuple[str, keras.Layer]]:
    """Yield every layer but containers, each with its path; the root's is empty."""
    if isinstance(layer, layers.Layer):
        yield path, layer
    for name, value in children(layer):
        if isinstance(value, layers.Layer | list | tuple | dict):
            yield from named_layers(value, f"{path}.{name}" if path else name)


def slots(model: keras.Layer, dtype: str) -> dict[str, Slot]:
    """Give the real variables, each once, in order of definition."""
    found: dict[str, Slot] = {}
    seen: set[int] = set()
    for path, layer in named_layers(model):
        for name, value in children(layer):
            if not isinstance(value, keras.Variable) or id(value) in seen:
                continue
            if not keras.backend.is_float_dtype(value.dtype):
                continue
            seen.add(id(value))
            leaf, layout = _rule(layer, tuple(value.shape)).get(name, (name, SAME))
            shape = layout.shape(tuple(value.shape))
            full = f"{path}.{leaf}" if path else leaf
            found[full] = Slot(value, shape, dtype, value.trainable, layout)
    return found


def _rule(layer: keras.Layer, shape: tuple[int, ...]) -> dict[str, tuple[str, Layout]]:
    if isinstance(layer, layers.DepthwiseConv2D) and len(shape) == 4:
        return {"kernel": ("weight", depthwise(shape[2]))}
    return next((RULES[t] for t in type(layer).__mro__ if t in RULES), {})

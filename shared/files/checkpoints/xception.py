"""timm's and keras.applications' Xception <-> canonical weights.

timm's names (legacy_xception) are the canonical ones. keras.applications counts the
stem as a block, leaves the layers of shortcuts to be numbered by Keras, and has both
kernels of a separable convolution in one layer, places first.
"""

import re
from typing import Any

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown
from shared.specs.vision.xception import XceptionSpec

SOURCES = ("timm", "keras.applications")
ONLY = {"keras.applications": "xception_same"}
_UNNAMED = ("conv2d", "batch_normalization")
# Of a separable convolution: ours, theirs, and which axes ours has of theirs.
_KERNELS = (
    ("conv1.weight", "depthwise_kernel", (2, 3, 0, 1)),
    ("pointwise.weight", "pointwise_kernel", (3, 2, 0, 1)),
)


def original(spec: XceptionSpec) -> tuple[str, dict[str, Any]]:
    """What keras.applications calls this model, and the arguments that make it."""
    usual = XceptionSpec(padding="same")
    ours, theirs = (
        (s.padding, s.stem, s.entry, s.middle, s.exit) for s in (spec, usual)
    )
    if ours != theirs:
        raise UsageError(
            "keras.applications has no Xception of this padding and these widths; "
            "xception_same is its own"
        )
    return "Xception", {"classes": spec.num_classes}


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    if source == "timm":
        return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    layers = {theirs: own for own, theirs in _layers().items()}
    counted = _counted_from_0(state)
    found = {}
    for name, value in state.items():
        layer, dot, leaf = name.partition(".")
        for own, theirs, axes in _KERNELS:
            if leaf == theirs:
                leaf, value = own, value.transpose(axes)
        layer = counted.get(layer, layer)
        found[f"{layers.get(layer, layer)}{dot}{leaf}"] = value
    return found


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    if source == "timm":
        return dict(weights)
    layers, found = _layers(), {}
    for name, value in weights.items():
        layer, dot, leaf = name.rpartition(".")
        for own, theirs, axes in _KERNELS:
            whole = name.removesuffix(f".{own}")
            if whole != name and whole in layers:
                layer, leaf, value = whole, theirs, value.transpose(np.argsort(axes))
        found[f"{layers.get(layer, layer)}{dot}{leaf}"] = value
    return found


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of Xception checkpoints", source, SOURCES)


def _layers() -> dict[str, str]:
    """Give each layer's name here, and that in keras.applications."""
    blocks = XceptionSpec().blocks
    found = {"fc": "predictions"}
    for i in (1, 2):
        found |= _pair(f"conv{i}", f"bn{i}", f"block1_conv{i}")
        last = f"block{len(blocks) + 2}_sepconv{i}"
        found |= _pair(f"conv{i + 2}", f"bn{i + 2}", last)
    for number, b in enumerate(blocks, start=2):
        for j in range(len(b.separables)):
            place = 3 * j + b.relu_first
            own = f"{b.name}.rep.{place}", f"{b.name}.rep.{place + 1}"
            found |= _pair(*own, f"block{number}_sepconv{j + 1}")
    for i, b in enumerate(b for b in blocks if b.skip):
        for part, theirs in zip(("skip", "skipbn"), _UNNAMED, strict=True):
            found[f"{b.name}.{part}"] = f"{theirs}_{i}" if i else theirs
    return found


def _pair(conv: str, bn: str, theirs: str) -> dict[str, str]:
    return {conv: theirs, bn: f"{theirs}_bn"}


def _counted_from_0(state: Weights) -> dict[str, str]:
    """Keras goes on counting where another model was made before."""
    found: dict[str, str] = {}
    for kind in _UNNAMED:
        names = {name.partition(".")[0] for name in state}
        own = [n for n in names if re.fullmatch(rf"{kind}(_\d+)?", n)]
        own.sort(key=lambda name: int(name.removeprefix(kind)[1:] or 0))
        found |= {name: f"{kind}_{i}" if i else kind for i, name in enumerate(own)}
    return found

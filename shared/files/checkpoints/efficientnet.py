"""Public EfficientNets <-> canonical ones, which have torchvision's names.

timm has other names in each kind of block. "lite" is the form of the package
efficientnet_lite_pytorch: it counts blocks through all stages, and one of another width
begins the next stage. Names do not say how a model pads: timm's `tf_` models pad as
Lite does here, the others as B and V2 do.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from shared.arrays import Array, Weights
from shared.errors import UsageError, unknown

SOURCES = ("torchvision", "timm", "lite")
ONLY = {"lite": "efficientnet_lite0"}


@dataclass(frozen=True)
class _Kind:
    """A kind of block: its convolutions and norms in order, and which of them is
    depthwise; a squeeze, if there is one, follows that."""

    units: tuple[tuple[str, str], ...]
    depthwise: int | None

    @property
    def layers(self) -> set[str]:
        return {layer for unit in self.units for layer in unit}


@dataclass(frozen=True)
class _Names:
    stem: tuple[str, str]
    head: tuple[str, str]
    classifier: str
    blocks: str
    staged: bool  # blocks are counted in each stage
    squeeze: tuple[str, ...]
    kinds: tuple[_Kind, ...]


_NAMES = {
    "timm": _Names(
        ("conv_stem", "bn1"),
        ("conv_head", "bn2"),
        "classifier",
        "blocks",
        True,
        ("se.conv_reduce", "se.conv_expand"),
        (
            _Kind((("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")), 1),
            _Kind((("conv_dw", "bn1"), ("conv_pw", "bn2")), 0),
            _Kind((("conv_exp", "bn1"), ("conv_pwl", "bn2")), None),
            _Kind((("conv", "bn1"),), None),
        ),
    ),
    "lite": _Names(
        ("_conv_stem", "_bn0"),
        ("_conv_head", "_bn1"),
        "_fc",
        "_blocks",
        False,
        (),
        (
            _Kind(
                (
                    ("_expand_conv", "_bn0"),
                    ("_depthwise_conv", "_bn1"),
                    ("_project_conv", "_bn2"),
                ),
                1,
            ),
            _Kind((("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")), 0),
        ),
    ),
}

# A block: its kind, and whether it squeezes. Those of each stage.
_Stages = list[list[tuple[_Kind, bool]]]


def from_public(source: str, state: Weights) -> dict[str, Array]:
    _check(source)
    state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    if source == "torchvision":
        return dict(state)
    names = _NAMES[source]
    table = _table(names, _public_stages(names, state))
    return _renamed(state, {public: own for own, public in table.items()})


def to_public(source: str, weights: Weights) -> dict[str, Array]:
    _check(source)
    if source == "torchvision":
        return dict(weights)
    names = _NAMES[source]
    return _renamed(weights, _table(names, _own_stages(names, weights)))


def _check(source: str) -> None:
    if source not in SOURCES:
        raise unknown("source of EfficientNet checkpoints", source, SOURCES)


def _renamed(state: Weights, table: dict[str, str]) -> dict[str, Array]:
    found = {}
    for name, value in state.items():
        layer, _, leaf = name.rpartition(".")
        if layer not in table:
            raise UsageError(f"{name} is no part of an EfficientNet of this form")
        found[f"{table[layer]}.{leaf}"] = value
    return found


def _table(names: _Names, stages: _Stages) -> dict[str, str]:
    """Name every layer, canonical -> public."""
    ends = {0: names.stem, len(stages) + 1: names.head}
    found = {
        f"features.{place}.{i}": public
        for place, unit in ends.items()
        for i, public in enumerate(unit)
    }
    found["classifier.1"], number = names.classifier, 0
    for s, stage in enumerate(stages):
        for i, block in enumerate(stage):
            place = f"{s}.{i}" if names.staged else number
            for own, public in _in_block(names, *block):
                found[f"features.{s + 1}.{i}.block.{own}"] = (
                    f"{names.blocks}.{place}.{public}"
                )
            number += 1
    return found


def _in_block(names: _Names, kind: _Kind, squeezed: bool) -> Iterator[tuple[str, str]]:
    index = 0
    for i, (conv, norm) in enumerate(kind.units):
        yield f"{index}.0", conv
        yield f"{index}.1", norm
        index += 1
        if squeezed and i == kind.depthwise:
            for j, public in enumerate(names.squeeze, 1):
                yield f"{index}.fc{j}", public
            index += 1


def _public_stages(names: _Names, state: Weights) -> _Stages:
    blocks = _blocks(state, names.blocks, 1 + names.staged)
    found, widths = {}, {}
    for place, layers in blocks.items():
        squeezed = set(names.squeeze) & layers.keys()
        own = layers.keys() - squeezed
        kind = next((k for k in names.kinds if k.layers == own), None)
        if kind is None:
            where = ".".join(map(str, place))
            raise UsageError(f"{names.blocks}.{where} is no block of this form")
        found[place] = kind, bool(squeezed)
        widths[place] = layers[kind.units[-1][0]][0]
    begins = (lambda place: place[0]) if names.staged else widths.__getitem__
    return [[found[place] for place in stage] for _, stage in groupby(found, begins)]


def _own_stages(names: _Names, weights: Weights) -> _Stages:
    stages: _Stages = []
    for (_, i), layers in _blocks(weights, "features", 2, r"block\.").items():
        convs = [shape for layer, shape in layers.items() if layer.endswith(".0")]
        deep = next((j for j, shape in enumerate(convs) if shape[1] == 1), None)
        squeezed = any(layer.endswith(".fc1") for layer in layers)
        kind = next(
            (
                k
                for k in names.kinds
                if (len(k.units), k.depthwise) == (len(convs), deep)
            ),
            None,
        )
        if kind is None or (squeezed and not names.squeeze):
            raise UsageError("this EfficientNet has blocks that the form has not")
        if i == 0:
            stages.append([])
        stages[-1].append((kind, squeezed))
    return stages


def _blocks(
    state: Weights, name: str, numbers: int, inside: str = ""
) -> dict[tuple[int, ...], dict[str, tuple[int, ...]]]:
    """Give each block's layers and the shapes of their weights, in order."""
    places = numbers * r"(\d+)\."
    place = re.compile(rf"{name}\.{places}{inside}(.+)\.weight")
    found: dict[tuple[int, ...], dict[str, tuple[int, ...]]] = {}
    for key, value in state.items():
        if match := place.fullmatch(key):
            *at, layer = match.groups()
            found.setdefault(tuple(map(int, at)), {})[layer] = value.shape
    return dict(sorted(found.items()))

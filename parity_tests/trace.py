"""Which named layer is the first that diverges, and whether it or its input is why."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from parity_tests.compare import Array, layout_error
from shared.messages import Layer

Layers = Mapping[str, Layer]
OUTPUT = "(output)"


@dataclass(frozen=True)
class Row:
    """A layer of the reference; errors of the others, None where they lack it."""

    path: str
    shape: tuple[int, ...]
    errors: dict[str, float | None]
    entered: dict[str, float | None]
    first: bool = False

    @property
    def worst(self) -> float:
        return max((e for e in self.errors.values() if e is not None), default=0.0)


@dataclass(frozen=True)
class Trace:
    rows: list[Row]
    verdict: str
    agrees: bool


def trace(
    reference: str,
    layers: Mapping[str, Layers],
    outputs: Mapping[str, tuple[Array, ...]],
    tolerance: float,
) -> Trace:
    """Compare all frameworks with the reference, in its order of completion."""
    others = [framework for framework in layers if framework != reference]
    rows = [
        _row(path, layer, {f: layers[f].get(path) for f in others})
        for path, layer in layers[reference].items()
    ]
    for i, value in enumerate(outputs[reference]):
        name = OUTPUT if len(outputs[reference]) == 1 else f"(output {i})"
        found = {f: Layer(None, outputs[f][i]) for f in others}
        rows.append(_row(name, Layer(None, value), found))
    at = next((i for i, row in enumerate(rows) if not row.worst <= tolerance), None)
    if at is None:
        return Trace(rows, f"every layer agrees within {tolerance:g}", True)
    row = rows[at]
    rows[at] = Row(row.path, row.shape, row.errors, row.entered, first=True)
    return Trace(rows, _verdict(rows, at, tolerance), False)


def _row(path: str, layer: Layer, others: Mapping[str, Layer | None]) -> Row:
    errors: dict[str, float | None] = {}
    entered: dict[str, float | None] = {}
    for framework, other in others.items():
        errors[framework] = layout_error(layer.left, other.left) if other else None
        entered[framework] = None
        if other is None or layer.entered is None or other.entered is None:
            continue
        # A port may pad in front of a layer that pads by itself elsewhere.
        if layer.entered.size == other.entered.size:
            entered[framework] = layout_error(layer.entered, other.entered)
    return Row(path, layer.left.shape, errors, entered)


def _verdict(rows: list[Row], at: int, tolerance: float) -> str:
    row = rows[at]
    guilty = [f for f, e in row.errors.items() if e is not None and not e <= tolerance]
    who = " and ".join(guilty)
    entered = [row.entered[f] for f in guilty]
    before = rows[at - 1].path if at else "the input"
    if row.path.startswith("(output"):
        return f"{who} diverges after {before}, the last layer that agrees"
    if any(e is not None and not e <= tolerance for e in entered):
        return (
            f"{who} diverges {_inside(before, row.path)}between {before}, which "
            f"agrees, and {row.path}, whose input differs already"
        )
    off = max(e for e in row.errors.values() if e is not None)
    size = "a value that is not finite or a shape" if math.isinf(off) else f"{off:.2g}"
    return f"{who} diverges first in {row.path} (its input agrees), by {size}"


def _inside(one: str, two: str) -> str:
    """The module that holds both layers, unless it is the whole model."""
    pairs = zip(one.split(".")[:-1], two.split(".")[:-1], strict=False)
    common = [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return f"in {'.'.join(common)}, " if common else ""

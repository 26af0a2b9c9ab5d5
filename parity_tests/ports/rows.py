"""The table of layers: how far each port's is from the reference's."""

from collections.abc import Mapping
from dataclasses import replace

from parity_tests.ports.compare import Sides, between
from parity_tests.ports.pairing import meet
from parity_tests.trace import OUTPUT, Row

Errors = dict[str, float | None]


def rows_of(
    pairs: Mapping[str, tuple[Sides, Mapping[str, str]]], mode: str, first: str = ""
) -> list[Row]:
    """One row for each call that all of them made, and one for each output."""
    rows: dict[str, Row] = {}
    seen: dict[str, int] = {}
    for label, (sides, modules) in pairs.items():
        one, two = sides.reference, sides.other
        calls = one.runs[mode].calls
        for met in meet(modules, calls, two.runs[mode].calls):
            a, b = met.reference, met.other
            left = between(one, a.outputs, two, b.outputs)
            entered = between(one, a.inputs, two, b.inputs)
            _add(rows, met.name, _shape(sides, a.outputs), label, left, entered)
            seen[met.name] = seen.get(met.name, 0) + 1
        outputs = one.runs[mode].outputs
        theirs = list(two.runs[mode].outputs.items())
        for i, (path, key) in enumerate(outputs.items()):
            name = OUTPUT if len(outputs) == 1 else f"(output {i})"
            left = between(one, {path: key}, two, dict([theirs[i]]))
            _add(rows, name, _shape(sides, {path: key}), label, left, None)
            seen[name] = seen.get(name, 0) + 1
    whole = [row for name, row in rows.items() if seen[name] == len(pairs)]
    at = next((i for i, row in enumerate(whole) if row.path == first), None)
    if at is not None:
        whole[at] = replace(whole[at], first=True)
    return sorted(whole, key=lambda row: row.path.startswith("(output"))


def _add(
    rows: dict[str, Row],
    name: str,
    shape: tuple[int, ...],
    label: str,
    left: float | None,
    entered: float | None,
) -> None:
    row = rows.setdefault(name, Row(name, shape, {}, {}))
    row.errors[label], row.entered[label] = left, entered


def _shape(sides: Sides, keys: Mapping[str, str]) -> tuple[int, ...]:
    if not keys:
        return ()
    return tuple(sides.reference.table[next(iter(keys.values()))]["shape"])

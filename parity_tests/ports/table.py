"""Tables of names: what a person knows of which is which, in part or in whole."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared import reading
from shared.errors import UsageError
from shared.files.writing import write_bytes

Table = Mapping[str, str]  # a port's name or pattern -> the reference's


def read_table(path: Path) -> dict[str, str]:
    found = reading.from_json(reading.text(path), path)
    if not isinstance(found, dict) or not all(
        isinstance(name, str) for name in found.values()
    ):
        raise UsageError(f'{path}: allowed: {{"name": "name in the first model", ...}}')
    return found


def write_table(path: Path, renames: Mapping[str, Table]) -> None:
    """Writes the tables of all ports in one, as `read_table` takes it."""
    table = {n: to for own in renames.values() for n, to in own.items()}
    write_bytes(path, (json.dumps(table, indent=1) + "\n").encode())


def matched(table: Table, own: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """The table for these names: `*` stands for a whole part of a path, or more."""
    own, names = set(own), set(names)
    found, wrong = {}, []
    for pattern, to in table.items():
        if "*" not in pattern:
            wrong += [] if pattern in own else [f"{pattern} is not in the model"]
            wrong += [] if to in names else [f"{to} is not in the first model"]
            found[pattern] = to
            continue
        hits = _hits(pattern, to, own, names)
        wrong += [] if hits else [f"{pattern} = {to} fits no name"]
        found |= hits
    if wrong:
        raise UsageError("rename table: " + "; ".join(wrong))
    return found


def _hits(pattern: str, to: str, own: set[str], names: set[str]) -> dict[str, str]:
    expression = re.compile("(.+)".join(map(re.escape, pattern.split("*"))))
    found = {}
    for name in own:
        if hit := expression.fullmatch(name):
            target = to
            for part in hit.groups():
                target = target.replace("*", part, 1)
            if target in names:
                found[name] = target
    return found

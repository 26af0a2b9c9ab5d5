"""Which statements of a framework's layers a model runs: a change in any other cannot
reach it. `begin` and `ended` run in the worker, where they are asked for by name."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from parity_tests.evidence import Evidence, measure
from shared.catalog import VARIANTS
from shared.frameworks import PACKAGES, ROOT
from shared.running.client import Worker

# A file, relative to the root, and a number of a line.
Line = tuple[str, int]
_RUN: set[Line] = set()


def begin(folder: str) -> None:
    """Note every line of the folder's files that runs from now on."""
    _RUN.clear()

    def called(frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        return noted if file.startswith(folder) else None

    def noted(frame: FrameType, event: str, _: Any) -> Any:
        _RUN.add((frame.f_code.co_filename, frame.f_lineno))
        return noted

    sys.settrace(called)


def ended() -> list[Line]:
    sys.settrace(None)
    return sorted(_RUN)


@dataclass(frozen=True)
class Seen:
    """A framework's evidence of a model, and what it ran of its layers for it."""

    evidence: Evidence
    lines: frozenset[Line]


def seen(worker: Worker, name: str, tiers: Sequence[str]) -> Seen:
    note(worker)
    evidence = measure(worker, name, VARIANTS[name], tiers)
    return Seen(evidence, noted(worker))


def note(worker: Worker) -> None:
    """Have a worker note every line of its framework's layers that runs."""
    folder = ROOT / PACKAGES[worker.framework] / "layers"
    worker.ask(f"{__name__}:begin", str(folder))


def noted(worker: Worker) -> frozenset[Line]:
    """Give the lines since `note`, and end that."""
    lines = worker.ask(f"{__name__}:ended")
    found = ((str(Path(file).relative_to(ROOT)), line) for file, line in lines)
    return frozenset(found)


def statement(text: str, line: int) -> tuple[range, bool]:
    """Give the lines of the statement that this one is of, of a compound its head; of
    what runs at the import those of the class or function. False: it is of none, and
    who reads it is not seen."""
    tree = ast.parse(text)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    inside = [n for one in functions for root in one.body for n in ast.walk(root)]
    kept = [_head(node) for node in inside if isinstance(node, ast.stmt)]
    if found := [lines for lines in kept if line in lines]:
        return min(found, key=len), True
    (whole,) = (node for node in tree.body if line in _lines(node))
    return _lines(whole), isinstance(whole, ast.ClassDef | ast.FunctionDef)


def _lines(node: ast.stmt) -> range:
    first = min(one.lineno for one in (node, *getattr(node, "decorator_list", ())))
    return range(first, (node.end_lineno or node.lineno) + 1)


def _head(node: ast.stmt) -> range:
    body = getattr(node, "body", None)
    end = max(node.lineno + 1, body[0].lineno) if body else _lines(node).stop
    return range(node.lineno, end)

"""`triptych diff`: a person's own models held against one another."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity_tests import display, tolerances
from parity_tests.ports.diff import Difference
from parity_tests.ports.diff import diff as compared
from parity_tests.ports.dumps import read_tensors
from parity_tests.ports.opening import Question
from parity_tests.ports.page import page
from parity_tests.ports.recording import Recorders
from parity_tests.ports.table import read_table, write_table
from parity_tests.ports.targets import Target, parse_input, parse_target, pythons
from shared.errors import UsageError, one_line
from shared.files.writing import write_text
from triptych.commands.terminal import console_for, write_json

VERSION = 1  # of what --json writes


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is compared, and how; `names` is a rename table to read, `write_names` where
    to write the one that was used."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    names: Path | None
    write_names: Path | None
    dtype: str
    tolerance: float | None
    same_layout: bool
    program: str
    python: tuple[str, ...]
    inputs_from: str
    outputs: tuple[str, ...]
    gradients: bool
    own_weights: bool
    steps: int
    optimizer: str
    annotate: str
    html: Path | None


def run(asked: Asked, json: Path | None) -> int:
    """Exit code: whether all of them compute the same."""
    bound = tolerances.PORTS if asked.tolerance is None else asked.tolerance
    question = Question(
        dtype=asked.dtype,
        tolerance=bound,
        same_layout=asked.same_layout,
        program=asked.program,
        gradients=asked.gradients,
        own_weights=asked.own_weights,
        steps=asked.steps,
        optimizer=asked.optimizer,
        outputs=dict(_pair(text) for text in asked.outputs),
        table=read_table(asked.names) if asked.names else None,
        python=pythons(asked.python),
    )
    inputs = inputs_of(asked.inputs)
    recorded = any(Path(text).is_dir() for text in asked.targets)
    if not (inputs or asked.inputs_from or recorded):
        raise UsageError("give at least one --input, as 2,3,32,32 or ids=2,16:100")
    targets = [target_of(text) for text in asked.targets]
    with Recorders() as recorders:
        if asked.inputs_from:
            inputs |= given_by(asked.inputs_from, targets[0], recorders, question)
        found = compared(targets, inputs, recorders, question)
    console = console_for(json)
    display.renames(console, found.renames)
    console.print(display.trace_table(found.trace, bound))
    display.verdicts(console, found.checks)
    display.guilty(console, [g for places in found.guilty.values() for g in places])
    console.print(found.trace.verdict)
    if asked.html:
        write_text(asked.html, page(found))
    if asked.annotate:
        annotations(found)
    if asked.write_names:
        write_table(asked.write_names, found.renames)
    write_json(json, {"version": VERSION, **vars(found)})
    return 0 if all(check.passed for check in found.checks) else 1


def _pair(text: str) -> tuple[str, str]:
    """`logits=0`: an output of the first model, and which it is in the others."""
    one, separator, two = text.partition("=")
    return (one, two) if separator else (text, text)


def given_by(
    source: str, target: Target | Path, recorders: Recorders, question: Question
) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs of a safetensors file, or of a function of the first target's project."""
    if source.endswith(".safetensors"):
        return dict(read_tensors(Path(source)))
    if isinstance(target, Path):
        raise UsageError(f"{target} is a dump: it has its inputs")
    out = recorders.place("given")
    python = question.python.get(target.framework, "")
    process = recorders.get(target.framework, question.dtype, python)
    folder = str(question.folder.absolute())
    process.ask("inputs", target=source, folder=folder, out=str(out))
    return dict(read_tensors(out))


def target_of(text: str) -> Target | Path:
    """A folder that holds a dump, or `[pytorch=]package.module:name`."""
    return Path(text) if Path(text).is_dir() else parse_target(text)


def inputs_of(texts: tuple[str, ...]) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs by path: the n-th by its number, unless it is named."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    shapes: list[str] = []
    for number, text in enumerate(texts):
        name, _, shape = text.rpartition("=")
        found[name or str(number)] = parse_input(shape, shapes.count(shape))
        shapes.append(shape)
    return found


def annotations(found: Difference) -> None:
    """Prints what a code host shows beside the lines of the port (GitHub's form)."""
    for places in found.guilty.values():
        for guilty in places:
            cause = f"; {guilty.causes[0].said}" if guilty.causes else ""
            file, line = guilty.file, guilty.line
            where = f" file={file},line={line}" if file else ""
            print(f"::error{where}::{one_line(guilty.said + cause)}")

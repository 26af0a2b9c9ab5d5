"""The judge's side of `triptych.assert_parity`: models live in the process that asks.

One line of JSON says what is compared. For each thing to be recorded a line goes back,
and its answer is waited for; the last line is what was found.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parity_tests import tolerances
from parity_tests.ports.diff import Difference, diff
from parity_tests.ports.dumps import read, read_tensors
from parity_tests.ports.opening import Question, channels_first
from parity_tests.ports.page import page
from parity_tests.ports.recording import Asker, Recorders, heard
from parity_tests.ports.table import read_table
from parity_tests.ports.targets import Target, parse_target
from shared.errors import UsageError, one_line
from shared.files.writing import write_text


class Line:
    """Lines to and from the process that asks; what is printed goes elsewhere."""

    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.lock = threading.Lock()

    def hear(self) -> dict[str, Any]:
        text = sys.stdin.readline()
        if not text:
            raise UsageError("the process that asked has ended")
        found: dict[str, Any] = json.loads(text)
        return found

    def say(self, value: Mapping[str, Any]) -> None:
        print(json.dumps(value), file=self.out, flush=True)

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.say(job)
            return self.hear()


class Held:
    """The recorder of a model that lives in the process that asks."""

    def __init__(self, line: Line, key: str, dtype: str):
        self.line, self.key, self.dtype = line, key, dtype

    @property
    def alive(self) -> bool:
        return True

    def ask(self, job: str, **asked: Any) -> None:
        said = {"do": job, "model": self.key, "dtype": self.dtype, "asked": asked}
        heard(self.line.ask(said), asked["target"])


def run() -> int:
    """Answers one question; the process that asks turns it into an exception."""
    line = Line()
    try:
        asked = line.hear()
        targets = [_target(said, line) for said in asked["targets"]]
        question = _question(asked)
        with Recorders() as recorders:
            found = diff(targets, _inputs(asked, targets), recorders, question)
        if asked["html"]:
            write_text(Path(asked["html"]), page(found))
        agrees = all(check.passed for check in found.checks)
        line.say({"agrees": agrees, "said": "\n".join(told(found))})
    except UsageError as error:
        line.say({"refused": str(error)})
    return 0


def _target(said: Mapping[str, str], line: Line) -> Target | Path:
    if "dump" in said:
        return Path(said["dump"])
    if "target" in said:
        return parse_target(said["target"])

    def held(dtype: str) -> Asker:
        return Held(line, said["held"], dtype)

    return Target(said["framework"], said["name"], held)


def _question(asked: Mapping[str, Any]) -> Question:
    table, tolerance = asked["names"], asked["tolerance"]
    return Question(
        dtype=asked["dtype"],
        tolerance=tolerances.PORTS if tolerance is None else tolerance,
        same_layout=asked["same_layout"],
        program=asked["program"],
        gradients=asked["gradients"],
        own_weights=asked["own_weights"],
        steps=asked["steps"],
        optimizer=asked["optimizer"],
        outputs=asked["outputs"],
        table=read_table(Path(table)) if isinstance(table, str) else table,
        python=asked["python"],
    )


def _inputs(asked: Mapping[str, Any], targets: list[Target | Path]) -> dict[str, Any]:
    """The inputs, given as one of the models takes them, with their channels first."""
    if not asked["inputs"]:
        return {}
    of = targets[asked["inputs_of"]]
    torch_like = isinstance(of, Target) and of.framework == "pytorch"
    last = not (torch_like or asked["same_layout"])
    if isinstance(of, Path):
        last = read(of).channels_last
    return channels_first(read_tensors(Path(asked["inputs"])), last)


def told(found: Difference) -> Iterator[str]:
    """Yields the lines of a failed test: the verdict, why, where, and every check."""
    yield found.trace.verdict
    places = [place for own in found.guilty.values() for place in own]
    for place in places[:1]:
        for cause in place.causes[:1]:
            yield f"  {place.layer}: {cause.said}"
        yield from _at("reference", place.reference_file, place.reference_line)
        yield from _at("port", place.file, place.line)
    for place in places[1:]:
        yield f"  {place.said}"
    for check in found.checks:
        if not check.passed:
            yield f"FAIL {check.tier}: {one_line(check.reason)}"


def _at(who: str, file: str, line: int) -> Iterator[str]:
    if file:
        path = Path(file)
        here = path.is_relative_to(Path.cwd())
        yield f"  {who}: {path.relative_to(Path.cwd()) if here else path}:{line}"

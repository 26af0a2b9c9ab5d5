"""`triptych diff`: a person's own models held against one another."""

from dataclasses import dataclass
from pathlib import Path

from parity_tests import diff as port
from parity_tests import display, tolerances
from parity_tests.engine import Workers
from triptych.commands.terminal import console_for, write_json


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


def run(asked: Asked, json: Path | None) -> int:
    """Exit code: whether all of them compute the same."""
    bound = tolerances.PORTS if asked.tolerance is None else asked.tolerance
    with Workers() as workers:
        found = port.diff(
            [port.parse_target(text) for text in asked.targets],
            tuple(port.parse_input(text) for text in asked.inputs),
            workers,
            dtype=asked.dtype,
            tolerance=bound,
            same_layout=asked.same_layout,
            program=asked.program,
            table=port.read_renames(asked.names) if asked.names else None,
        )
    console = console_for(json)
    display.renames(console, found.renames)
    console.print(display.trace_table(found.trace, bound))
    display.verdicts(console, found.checks)
    console.print(found.trace.verdict)
    if asked.write_names:
        port.write_renames(asked.write_names, found.renames)
    write_json(json, found)
    return 0 if all(check.passed for check in found.checks) else 1

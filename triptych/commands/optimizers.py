"""`triptych optimizers`: presets with their papers, and the built-ins beside them."""

from pathlib import Path

from parity_tests import builtins, display
from parity_tests.builtins import Case, Row
from parity_tests.engine import Workers
from shared.definitions.optimizers import describe
from triptych.commands.terminal import Progress, console_for, write_json


def run(names: list[str], again: bool, json: Path | None) -> None:
    """With `again` the built-ins are measured, without they are read."""
    presets, chosen = describe(names), builtins.cases(names)
    rows = _measured(chosen) if again else _read(chosen)
    console = console_for(json)
    console.print(display.presets(presets))
    console.print(display.builtins(rows))
    write_json(json, {"presets": presets, "builtins": rows})


def _measured(chosen: list[Case]) -> list[Row]:
    rows = []
    with Workers() as workers, Progress(len(chosen)) as progress:
        for case in chosen:
            progress.step(f"{case.preset}: {case.name} of {case.framework}")
            rows.append(builtins.measure(case, workers))
    return rows


def _read(chosen: list[Case]) -> list[Row]:
    wanted = {case.preset for case in chosen}
    return [row for row in builtins.read() if row.preset in wanted]

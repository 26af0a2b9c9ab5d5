"""`triptych parity`: every check that was asked for, and the certificate of them."""

from dataclasses import dataclass
from pathlib import Path

from parity_tests import display
from parity_tests.engine import Check
from parity_tests.lanes import fitting, run_in_lanes
from parity_tests.run import plan, run_on_cluster
from triptych.commands.terminal import Progress, console_for, write_json


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is checked, and how; `lanes` says how many models at once."""

    names: tuple[str, ...]
    tiers: tuple[str, ...]
    frameworks: tuple[str, ...]
    dtype: str
    full: bool
    timeout: float
    on: str
    lanes: int | None


def run(asked: Asked, json: Path | None) -> int:
    """Exit code: whether all of it holds."""
    checks = _checks(asked)
    console = console_for(json)
    console.print(display.certificate(checks))
    display.failures(console, checks)
    console.print(display.summary(checks))
    write_json(json, checks, lines=True)
    return 0 if all(check.passed for check in checks) else 1


def _checks(asked: Asked) -> list[Check]:
    dtype, full, timeout = asked.dtype, asked.full, asked.timeout
    jobs = plan(asked.names, asked.tiers, asked.frameworks, full)
    models = list(dict.fromkeys(job.model for job in jobs))
    with Progress(len(models)) as progress:
        if asked.on == "ray":
            return list(run_on_cluster(jobs, dtype, full, timeout, progress.step))
        number = min(asked.lanes or (1 if full else fitting()), len(models))
        turns = not asked.names  # of --all
        return list(
            run_in_lanes(jobs, number, dtype, full, timeout, progress.step, turns)
        )

"""`triptych compare`: parity of every family, throughput, and the report of both."""

import time
from pathlib import Path

from benchmarks import bench, measure, records
from benchmarks import compare as job
from benchmarks import report as pages
from parity_tests import display
from triptych.commands.terminal import Progress, console_for, write_json


def run(out: Path, json: Path | None) -> int:
    """Exit code: whether all of it holds."""
    start, lines = time.monotonic(), out.parent / "compare.jsonl"
    lines.unlink(missing_ok=True)
    with Progress(job.steps() + 2) as progress:
        checks, timings = job.compare(lines, progress.step)
        optimizers = records.RECORDS / "optimizers.jsonl"
        first = pages.write(out, [lines, optimizers], checks, progress.step)
    console = console_for(json)
    console.print(display.certificate(checks))
    display.failures(console, checks)
    console.print(bench.table(timings))
    console.print(f"{display.summary(checks)}; all in {time.monotonic() - start:.0f} s")
    console.print(f"open {first}")
    write_json(json, {**measure.here(), "checks": checks})
    return 0 if all(check.passed for check in checks) else 1

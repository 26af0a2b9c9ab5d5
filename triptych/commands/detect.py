"""`triptych detect`: boxes around what pictures show, drawn as they come."""

import sys
from pathlib import Path

from parity_tests import detect as job
from parity_tests.engine import Workers
from parity_tests.pictured import Question
from parity_tests.pictured import question as question
from parity_tests.predict import NORMALIZE as NORMALIZE
from parity_tests.predict import Unreadable
from parity_tests.predict import listed as listed
from triptych.commands.terminal import Lines, Progress, console_for
from triptych.commands.terminal import frameworks as frameworks

PROGRAM = job.PROGRAM


def run(
    asked: Question,
    chosen: list[str],
    paths: list[Path],
    folder: Path,
    least: float,
    json: Path | None,
) -> int:
    """Exit code: whether every picture could be read."""
    console, failed, done = console_for(json), 0, 0
    console.print(asked.note)
    with Workers() as workers, Lines(json) as lines, Progress(len(paths)) as progress:
        for found in job.detect(asked, chosen, paths, folder, workers, least):
            with progress.aside():
                console.print(job.table(chosen, found, first=not done))
                for one in found:
                    lines.add(one)
                    if isinstance(one, Unreadable):
                        failed += 1
                        print(f"skipped {one.reason}", file=sys.stderr)
            done += len(found)
            progress.step(found[-1].picture, len(found))
    if failed < done:
        console.print(f"drawn in {folder}")
    return 1 if failed else 0

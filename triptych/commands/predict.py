"""`triptych predict`: the likeliest classes of pictures, told as they come."""

import sys
from pathlib import Path

from parity_tests import predict as job
from parity_tests.engine import Workers
from parity_tests.predict import NORMALIZE as NORMALIZE
from parity_tests.predict import Question
from parity_tests.predict import listed as listed
from parity_tests.predict import question as question
from triptych.commands.terminal import Lines, Progress, console_for
from triptych.commands.terminal import frameworks as frameworks


def run(
    asked: Question, chosen: list[str], paths: list[Path], json: Path | None
) -> int:
    """Exit code: whether every picture could be read."""
    console, failed, done = console_for(json), 0, 0
    console.print(asked.note)
    with Workers() as workers, Lines(json) as lines, Progress(len(paths)) as progress:
        for found in job.predict(asked, chosen, paths, workers):
            with progress.aside():
                console.print(job.table(asked, chosen, found, first=not done))
                for one in found:
                    lines.add(one)
                    if isinstance(one, job.Unreadable):
                        failed += 1
                        print(f"skipped {one.reason}", file=sys.stderr)
            done += len(found)
            progress.step(found[-1].picture, len(found))
    return 1 if failed else 0

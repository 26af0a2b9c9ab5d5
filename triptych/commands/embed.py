"""`triptych embed`: vectors of sentences, and how similar they are."""

import sys
from collections.abc import Sequence
from pathlib import Path

from parity_tests import embed as job
from parity_tests.embed import Encoder
from parity_tests.embed import encoder as encoder
from parity_tests.engine import Workers
from triptych.commands.terminal import console_for, write_json


def run(
    asked: Encoder,
    chosen: Sequence[str],
    sentences: Sequence[str],
    dtype: str,
    json: Path | None,
) -> None:
    console = console_for(json)
    console.print(asked.note)
    with Workers() as workers:
        found = job.embed(asked, chosen, sentences, workers, dtype)
    pairs = job.similarities(found)
    console.print(job.vectors_table(found))
    if pairs:
        console.print(job.pairs_table(pairs))
    for number, one in enumerate(found, 1):
        if one.cut:
            said = f"sentence {number} is cut after {asked.longest} tokens"
            print(said, file=sys.stderr)
    write_json(json, {"sentences": found, "similarities": pairs})

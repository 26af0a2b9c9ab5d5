"""`triptych embed`: vectors of sentences, and how similar they are."""

import sys
from collections.abc import Sequence
from pathlib import Path

from parity_tests import embed as job
from parity_tests.embed import Encoder
from parity_tests.embed import encoder as encoder
from parity_tests.engine import Workers
from triptych.commands.terminal import console_for, one_of, write_json


def run(
    asked: Encoder,
    chosen: Sequence[str],
    sentences: Sequence[str],
    dtype: str,
    picture: Path | None,
    json: Path | None,
) -> None:
    if picture is not None:
        one_of("--picture", picture.suffix, job.PICTURES)
    console = console_for(json)
    console.print(asked.note)
    with Workers() as workers:
        found = job.embed(asked, chosen, job.listed(sentences), workers, dtype)
    pairs = job.similarities(found)
    console.print(job.vectors_table(found))
    if pairs:
        console.print(job.pairs_table(pairs))
    for number, one in enumerate(found, 1):
        if one.cut:
            said = f"sentence {number} is cut after {asked.longest} tokens"
            print(said, file=sys.stderr)
    if picture is not None:
        job.picture(found, picture)
        console.print(f"wrote {picture}")
    write_json(json, {"sentences": found, "similarities": pairs})

"""`triptych sample`: pictures of noise, framework beside framework."""

from pathlib import Path
from typing import Annotated

import typer

from shared.errors import UsageError
from triptych.commands.asking import MOST_SEED
from triptych.commands.terminal import (
    Dtype,
    Json,
    Progress,
    Several,
    console_for,
    one_of,
    split,
    write_json,
)
from triptych.commands.terminal import frameworks as named


def sample(
    model: Annotated[str, typer.Argument(help="a model, as `triptych list` names it")],
    weights: Annotated[
        Path | None,
        typer.Option(help="in any form that convert reads; else as the seed starts it"),
    ] = None,
    from_: Annotated[str, typer.Option("--from", help="where that does not tell")] = "",
    program: Annotated[
        str, typer.Option(help="one of the model's that makes pictures")
    ] = "sample",
    number: Annotated[int, typer.Option(help="of pictures")] = 8,
    label: Annotated[
        str, typer.Option(help="classes by comma; default: one after another")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="of the draws")] = 0,
    frameworks: Several = "pytorch,keras,jax",
    dtype: Dtype = "float32",
    picture: Annotated[
        Path | None, typer.Option(help="draw them: .png, .svg or .pdf")
    ] = None,
    json: Json = None,
) -> None:
    """Pictures of noise, framework beside framework.

    Are they the same? The frameworks are given the same draws; no pixel may be more
    than one level of 255 apart.
    """
    from parity_tests import sampled as job
    from parity_tests.engine import Workers

    one_of("dtype", dtype, ("float64", "float32"))
    if picture is not None:
        one_of("--picture", picture.suffix, job.PICTURES)
    chosen = named(frameworks)
    asked = job.asked(
        model,
        program=program,
        number=number,
        labels=_labels(label),
        seed=seed,
        weights=weights,
        from_=from_,
        dtype=dtype,
    )
    console = console_for(json)
    console.print(asked.note)
    with Workers() as workers, Progress(1) as progress:
        found = job.made(asked, chosen, workers)
        progress.step(f"{number} pictures in {len(chosen)} frameworks")
    pairs = job.pairs(found)
    for pair in pairs:
        console.print(
            f"{pair.one} and {pair.other}: {pair.difference:.1e} apart, "
            f"{pair.levels} of {job.LEVELS} levels"
        )
    if picture is not None:
        job.picture(found, picture)
        console.print(f"wrote {picture}")
    agree = all(pair.levels <= 1 for pair in pairs)
    told = {"model": model, "program": program, "seed": seed, "agree": agree}
    write_json(json, {**told, "pairs": pairs, "made": job.told(found)})
    raise typer.Exit(0 if agree else 1)


def _labels(text: str) -> list[int]:
    parts = split(text)
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"--label {text!r}; allowed: whole numbers, by comma")
    return [int(part) for part in parts]

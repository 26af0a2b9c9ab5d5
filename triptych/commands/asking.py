"""What every command asks of its options, before it runs: paths that can be one, finite
numbers, frameworks named once."""

import math
import os
from pathlib import Path
from typing import Any

import typer

from shared.errors import UsageError, one_line

# What Linux takes.
LONGEST_PATH, LONGEST_NAME = 4095, 255
MOST_SEED = 2**31 - 1


class Command(typer.core.TyperCommand):
    """A command that refuses values no command can use."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # What is left empty on the line comes as the path of this folder.
        empty = "." not in args and any(not a or a.endswith("=") for a in args)
        rest = super().parse_args(ctx, args)
        for param in self.params:
            given = ctx.params.get(param.name)
            for value in given if isinstance(given, list | tuple) else (given,):
                if isinstance(value, Path):
                    _refuse_path(_said(param), value, empty)
                if isinstance(value, float) and not math.isfinite(value):
                    raise UsageError(f"{_said(param)} {value}; allowed: finite numbers")
        return rest


class App(typer.Typer):
    """An app of such commands."""

    def command(self, name: str | None = None, **options: Any) -> Any:
        return super().command(name, cls=Command, **options)


def _said(param: Any) -> str:
    """An option or an argument by its first name."""
    return str(param.opts[0])


def _refuse_path(said: str, value: Path, empty: bool) -> None:
    if empty and value == Path():
        raise UsageError(f"{said}: an empty path; allowed: a file or a folder")
    size = len(os.fsencode(value))
    longest = max((len(os.fsencode(part)) for part in value.parts), default=0)
    if size > LONGEST_PATH or longest > LONGEST_NAME:
        raise UsageError(
            f"{said}: a path of {size:,} bytes, {longest:,} in one name; allowed: "
            f"{LONGEST_PATH:,}, {LONGEST_NAME}"
        )


def named_once(ctx: typer.Context, param: typer.CallbackParam, value: str) -> str:
    """Frameworks by comma: none twice, and one at least unless the default is all."""
    names = [name.strip() for name in value.split(",")]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise UsageError(f"{_said(param)} {one_line(value)}: {twice[0]} is named twice")
    if not any(names) and value != param.default:
        raise UsageError(f"{_said(param)} {value!r}; allowed: a framework or more")
    return value

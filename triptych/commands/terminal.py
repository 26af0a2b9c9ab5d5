"""What the commands share: progress, tables, JSON, and options that are refused."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import UsageError
from shared.frameworks import PACKAGES
from triptych.commands.asking import MOST_SEED, named_once

if TYPE_CHECKING:
    from rich.console import Console

Names = Annotated[list[str] | None, typer.Argument(help="models or families")]
Frameworks = Annotated[
    str,
    typer.Option(
        help="comma-separated: pytorch,keras,jax,keras[jax],keras[torch]",
        callback=named_once,
    ),
]
Several = Annotated[
    str,
    typer.Option(
        "--framework", "--frameworks", help="comma-separated", callback=named_once
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0.1, max=1e7, help="seconds for one answer")
]
Tolerance = Annotated[float | None, typer.Option(min=0.0, help="bound; default 1e-6")]
Seed = Annotated[
    int, typer.Option(min=0, max=MOST_SEED, help="of start, order and dropout")
]
Dtype = Annotated[str, typer.Option(help="float64 or float32")]
Resume = Annotated[bool, typer.Option("--resume", help="go on where it was")]
Fresh = Annotated[
    bool,
    typer.Option("--fresh", help="replace what is there, once there is a checkpoint"),
]
Patience = Annotated[
    int | None, typer.Option(help="epochs without a better one before it stops")
]
Everywhere = Annotated[
    bool,
    typer.Option(
        "--listen-everywhere",
        help="where processes cannot be held to this machine's own interface",
    ),
]
StartFrom = Annotated[
    Path | None, typer.Option(help="go on from another run, of any framework")
]
Json = Annotated[
    Path | None, typer.Option("--json", help="write JSON here too (- for stdout)")
]


class Progress:
    """A bar on a terminal, plain lines elsewhere; all of it on standard error."""

    def __init__(self, total: int):
        self.total, self.done = total, 0

    def __enter__(self) -> "Progress":
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self.bar = (
            Progress(console=console, transient=True) if console.is_terminal else None
        )
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("starting", total=self.total)
        return self

    def step(self, text: str, number: int = 1) -> None:
        self.done += number
        if self.bar:
            self.bar.update(self.task, completed=self.done, description=text)
        else:
            print(f"{self.done}/{self.total} {text}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that stays."""
        print(text, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Room for lines on standard output, which a bar would run into."""
        if self.bar:
            self.bar.stop()
        yield
        if self.bar:
            self.bar.start()

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()


class Lines:
    """JSON, a line a value, as they come; to nowhere without a path. A file is there
    when all of it is."""

    def __init__(self, path: Path | None):
        self.path = path

    def __enter__(self) -> "Lines":
        from shared.files.writing import opened

        self.stack = contextlib.ExitStack()
        self.file: Any = sys.stdout
        if self.path and str(self.path) != "-":
            self.file = TextIOWrapper(
                self.stack.enter_context(opened(self.path)), "utf-8"
            )
            self.stack.callback(self.file.detach)
        return self

    def add(self, value: object) -> None:
        if self.path:
            from shared.plain import to_json_lines

            print(to_json_lines([value]), file=self.file, flush=True)

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)


def console_for(json: Path | None = None) -> "Console":
    """A terminal's own width; elsewhere as wide as the content.

    Where JSON goes to standard output, what is for people goes to standard error.
    No markup: `keras[jax]` is a name.
    """
    from rich.console import Console

    stream = sys.stderr if str(json) == "-" else sys.stdout
    if stream.isatty():
        return Console(file=stream, markup=False, highlight=False)
    return Console(
        file=stream, markup=False, highlight=False, width=240, soft_wrap=True
    )


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def frameworks(text: str) -> list[str]:
    """Give the frameworks that a person named, each once."""
    chosen = list(dict.fromkeys(split(text)))
    for name in chosen or [text]:
        one_of("framework", name, PACKAGES)
    return chosen


def one_of(what: str, value: str, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{what} {value!r}; allowed: {', '.join(allowed)}")


def write_json(path: Path | None, value: object, lines: bool = False) -> None:
    if path is None:
        return
    from shared.plain import to_json, to_json_lines

    text = to_json_lines(value) if lines else to_json(value)
    if str(path) == "-":
        print(text)
        return
    from shared.files.writing import write_text

    write_text(path, text + "\n")

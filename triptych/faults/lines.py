"""Command lines that nobody means: each ends with its exit code and one line of error,
before any framework is started."""

import contextlib
import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import typer
from hypothesis import strategies as st

from shared.errors import UsageError
from triptych import cli
from triptych.commands.ending import ended
from triptych.faults import corpus
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

MOST = 3  # words where a command takes any number
# What the processes of this suite say to one another, and no person.
INSIDE = ("judge",)


@dataclass(frozen=True)
class Command:
    """What a command takes: so many arguments, options, and of these the ones that
    stand alone."""

    words: int
    options: tuple[str, ...]
    flags: frozenset[str]


def commands() -> dict[str, Command]:
    """Every command by its words; the first, of no word, is the program itself."""
    return dict(_below(typer.main.get_command(cli.app), ()))


def _below(command: Any, way: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    flags = frozenset(one.opts[0] for one in options if one.is_flag)
    words = sum(one.nargs if one.nargs > 0 else MOST for one in arguments)
    named = (*(one.opts[0] for one in options), "--help", "--hlep")
    yield " ".join(way), Command(words, named, flags | {"--help", "--hlep"})
    for name, inner in getattr(command, "commands", {}).items():
        if name not in INSIDE:
            yield from _below(inner, (*way, name))


NAMES = (
    *("mlp_tiny", "resnet", "resnet18", "vae_tiny", "minilm_l6", "digits_mlp", "adam"),
    *("", " ", ".", "x" * 300, "<b>", "\x1b[31m", "resnet_18", "--", "-", "\udcff"),
)
PATHS = (
    *("", ".", "gone", "gone/x", "file", "file/x", "folder", "n" * 256, "p/" * 2100),
    *("/proc/self/mem", "/dev/null", "\udcff", "-", "text.safetensors", "x.pt", "x.h5"),
)
NUMBERS = (
    *("0", "1", "-1", "2", "nan", "inf", "-inf", "1e309", "1e-400", "", "x", "0x10"),
    *("9" * 30, "9" * 5000, "-0", "1,2", "1.5", "\u0663", " 3", "1_000"),
)
WORDS = (
    *("", ",", "pytorch", "pytorch,pytorch", "jax,torch", "float64", "int8", "cuda"),
    *("imagenet", "forward", "training", "here", "ray", "keras", "canonical", "eager"),
    *("image_size=64", "a", "=", "hidden=[1" + "0" * 400 + "]", "x=" + "[" * 9999),
    *("features=16777217", "2,3", "2,3:0", "1" + ",1" * 70, "9" * 20 + ",9", "a=2:3"),
    *("1:" + "9" * 5000, "mlp_tiny", "sample", "recommended", "all", "all,numpy"),
)
WORD = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(PATHS),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.text(max_size=5).filter(lambda text: "\0" not in text),
)
Line = tuple[str, ...]


def _lines(name: str, command: Command) -> st.SearchStrategy[Line]:
    arguments = st.lists(WORD, max_size=command.words + 1)
    option = st.sampled_from(command.options).flatmap(
        lambda option: (
            st.just((option,))
            if option in command.flags
            else st.tuples(st.just(option), WORD)
        )
    )
    return st.tuples(arguments, st.lists(option, max_size=3)).map(
        lambda found: (
            *name.split(),
            *found[0],
            *(word for pair in found[1] for word in pair),
        )
    )


class _Started(Exception):
    """A framework would be started now: the line is one that can be meant."""


def _attempt(line: Line) -> None:
    code, errors = run(line)
    if code == 0 or "_Started" in errors:
        return
    if code not in (1, 2):
        raise Broken(f"code {code}: {errors[:300]}")
    last = [text for text in errors.splitlines() if text.startswith("error: ")]
    if "Traceback" in errors or "--debug shows where" in errors:
        raise Broken(errors[:600])
    if code == 2 and line and not last:
        if "Usage:" not in errors and errors:
            raise Broken(f"no line of error: {errors[:300]}")
        return
    raise UsageError(last[-1] if last else "it falls short")


def run(
    line: Line, within: AbstractContextManager[None] | None = None
) -> tuple[int, str]:
    """A command line in this process, in a folder of its own; no worker is started."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        _folder(),
        within or contextlib.nullcontext(),
        mock.patch("subprocess.Popen", side_effect=_Started),
        mock.patch("webbrowser.open", side_effect=_Started),
        mock.patch.dict(os.environ, {"TRIPTYCH_CACHE": "cache"}),
        mock.patch("sys.argv", ["triptych", *line]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        os.environ.pop("TRIPTYCH_DEBUG", None)
        os.environ.pop("TRIPTYCH_DATA", None)
        code = ended(cli.app)
    return code, errors.getvalue()


@contextlib.contextmanager
def _folder() -> Iterator[None]:
    before = os.getcwd()
    with TemporaryDirectory(dir=memory()) as folder:
        os.chdir(folder)
        try:
            os.mkdir("folder")
            for name in ("file", "text.safetensors", "x.pt", "x.h5"):
                with open(name, "w") as file:
                    file.write("no file of this kind")
            yield
        finally:
            os.chdir(before)


def targets() -> list[Target]:
    cases = st.one_of([_lines(name, command) for name, command in commands().items()])
    good = (("list", "resnet"), ("train",), ("--version",), ("show", "resnet18"))
    return [Target("lines", cases, _attempt, corpus.COMMANDS, good, 1.5, memory=4096)]

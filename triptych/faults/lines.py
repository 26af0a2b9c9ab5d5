"""Command lines that nobody means: each ends with its exit code and one line of error,
before any framework is started."""

import contextlib
import io
import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from unittest import mock

from hypothesis import strategies as st

from shared.errors import UsageError
from triptych import cli
from triptych.commands.ending import ended
from triptych.faults import corpus
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

# Each command, its arguments and options; what an option takes follows from its name.
COMMANDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "list": (2, ("--json",)),
    "show": (1, ("--html",)),
    "parity": (2, ("--tier", "--frameworks", "--dtype", "--timeout", "--jobs", "--on")),
    "trace": (1, ("--frameworks", "--dtype", "--program", "--json", "--training")),
    "diff": (2, ("--input", "--names", "--tolerance", "--dtype", "--json", "--python")),
    "dump": (1, ("--input", "--out", "--keep", "--weights", "--framework")),
    "train": (
        1,
        (
            *("--framework", "--epochs", "--batch-size", "--optimizer", "--lr"),
            *("--seed", "--precision", "--accumulate", "--patience", "--save-every"),
            *("--processes", "--device", "--resume", "--start-from"),
        ),
    ),
    "predict": (
        2,
        (
            *("--weights", "--from", "--framework", "--top", "--classes"),
            *("--normalize", "--seed", "--dtype", "--json"),
        ),
    ),
    "segment": (
        2,
        (
            *("--weights", "--from", "--framework", "--classes", "--normalize"),
            *("--seed", "--dtype", "--json"),
        ),
    ),
    "embed": (2, ("--framework", "--dtype", "--json")),
    "optimizers": (1, ("--json",)),
    "convert": (2, ("--to", "--from", "--model")),
    "bench": (
        1,
        (
            *("--task", "--mode", "--frameworks", "--device", "--dtype", "--threads"),
            *("--processes", "--rounds", "--batch", "--set", "--out", "--on"),
        ),
    ),
    "bench compare": (2, ()),
    "report": (0, ("--records", "--out")),
    "weights path": (1, ()),
    "": (2, ("--debug", "--version", "--hlep")),
}
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


def _lines(command: str) -> st.SearchStrategy[Line]:
    number, options = COMMANDS[command]
    arguments = st.lists(WORD, max_size=number + 1)
    option = st.tuples(st.sampled_from(options), WORD) if options else st.just(("-q",))
    return st.tuples(arguments, st.lists(option, max_size=3)).map(
        lambda found: (
            *command.split(),
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


def run(line: Line) -> tuple[int, str]:
    """A command line in this process, in a folder of its own; no worker is started."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        _folder(),
        mock.patch("subprocess.Popen", side_effect=_Started),
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
    cases = st.sampled_from(sorted(COMMANDS)).flatmap(_lines)
    good = (("list", "resnet"), ("train",), ("--version",), ("show", "resnet18"))
    return [Target("lines", cases, _attempt, corpus.COMMANDS, good, 1.5, memory=4096)]

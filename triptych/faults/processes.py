"""Whole commands as a person starts them: told to stop at any moment, with nobody who
reads what they print, and with workers that are killed in the middle."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st
from PIL import Image

from parity_tests.processes import children, runs
from shared.errors import UsageError
from shared.files.writing import TEMPORARY
from shared.frameworks import ROOT
from triptych.faults import deaths
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

# Two seconds, and some more where the machine has other work.
SOON = 8.0
LONGEST = 600.0  # the doctor alone gives each framework two minutes
TRAIN = ("train", "digits_mlp", "--epochs", "100000", "--out", "OUT", "--framework")
LONG = (
    (*TRAIN, "numpy"),
    (*TRAIN, "pytorch"),
    (*TRAIN, "jax"),
    (*TRAIN, "pytorch", "--processes", "2"),
    ("parity", "mlp", "--frameworks", "pytorch,numpy", "--jobs", "2"),
    ("trace", "mlp_tiny", "--frameworks", "jax,numpy"),
    ("bench", "mlp_tiny", "--frameworks", "pytorch", "--mode", "eager", "--out", "OUT"),
    ("predict", "resnet_tiny", "PICTURES", "--seed", "0", "--frameworks", "pytorch"),
    ("report", "--out", "OUT"),
    ("doctor",),
)
SHORT = (
    ("list",),
    ("list", "--json", "-"),
    ("show", "resnet18"),
    ("optimizers",),
    ("port",),
    ("weights", "--json", "-"),
    ("train",),
    ("--help",),
)


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def begin(
    line: tuple[str, ...], folder: Path, stdout: int | None = None
) -> subprocess.Popen[str]:
    """A command as a shell starts one in the background, where SIGINT is ignored."""
    given = {"OUT": str(folder / "out"), "PICTURES": str(folder)}
    words = [given.get(word, word) for word in line]
    return subprocess.Popen(
        [sys.executable, "-m", "triptych", *words],
        cwd=ROOT,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=_deaf,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=subprocess.PIPE,
    )


def below(process: int) -> list[int]:
    """Those that it started, and those that they did."""
    found = children(process)
    return [*found, *(one for child in found for one in below(child))]


def ended(started: subprocess.Popen[str], within: float) -> tuple[int, str]:
    """Its exit code, and what it told on standard error."""
    try:
        _, said = started.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        for one in (started.pid, *below(started.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        raise Broken(f"it still ran after {within:g} s") from None
    if "Traceback" in said or "--debug shows where" in said:
        raise Broken(said[-600:])
    return started.returncode, said


def gone(others: list[int]) -> None:
    until = time.monotonic() + SOON
    while any(map(runs, others)):
        if time.monotonic() > until:
            raise Broken("what it had started still runs")
        time.sleep(0.02)


@contextmanager
def _begun(line: tuple[str, ...]) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A command that hears signals, and its folder, in which runs stand whole."""
    with TemporaryDirectory(dir=memory()) as name:
        folder = Path(name)
        Image.new("RGB", (64, 64)).save(folder / "a.png")
        started = begin(line, folder)
        while not hears(started.pid) and started.poll() is None:
            time.sleep(0.01)
        yield started, folder
        for run in folder.glob("out/*/*/"):
            deaths.stands(run)
            if left := [one.name for one in run.rglob(f"{TEMPORARY}*")]:
                raise Broken(f"left behind: {left}")


def hears(process: int) -> bool:
    """Whether it has said what a SIGTERM is to do."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def _stop(case: tuple[int, float, int]) -> None:
    """A signal, at any moment, to the one process that a person started."""
    number, after, which = case
    with _begun(LONG[number]) as (started, _):
        time.sleep(after)
        others = below(started.pid)
        started.send_signal(which)
        code, said = ended(started, SOON)
        gone(others)
    if code not in (0, 130):
        raise Broken(f"code {code}: {said[-300:]}")
    if code:
        last = said.splitlines()[-1] if said else ""
        if not last.startswith("stopped"):
            raise Broken(f"it does not say that it stopped: {said[-300:]}")
        raise UsageError(last)


def _kill(case: tuple[int, float]) -> None:
    """One of its workers is killed, at any moment; it says so in a line."""
    number, after = case
    with _begun(LONG[number]) as (started, _):
        until = time.monotonic() + LONGEST
        while not (others := below(started.pid)) and started.poll() is None:
            if time.monotonic() > until:
                raise Broken("it starts no worker")
            time.sleep(0.01)
        time.sleep(after)
        for other in others[-1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(other, signal.SIGKILL)
        code, said = ended(started, LONGEST)
        gone(others)
    if code not in (0, 1):
        raise Broken(f"code {code}: {said[-300:]}")
    if code:
        told = [line for line in said.splitlines() if "SIGKILL" in line]
        raise UsageError(told[-1] if told else "a failed check says why")


def _unread(case: tuple[int, int]) -> None:
    """Who reads what it prints has enough after so many bytes."""
    number, enough = case
    with TemporaryDirectory(dir=memory()) as name:
        ours, theirs = os.pipe()
        started = begin(SHORT[number], Path(name), stdout=theirs)
        os.close(theirs)
        if enough:
            os.read(ours, enough)
        os.close(ours)
        code, said = ended(started, LONGEST)
    if code or re.search("error: |Error|Broken pipe|Exception ignored", said):
        raise Broken(f"code {code}: {said[-300:]}")


def _unwritten(number: int) -> None:
    """Standard output is a disk that is full."""
    with TemporaryDirectory(dir=memory()) as name, open("/dev/full", "w") as full:
        code, said = ended(
            begin(SHORT[number], Path(name), stdout=full.fileno()), LONGEST
        )
    last = (said.splitlines() or [""])[-1]
    if code != 2 or not last.startswith("error: standard output: "):
        raise Broken(f"code {code}: {said[-300:]}")
    raise UsageError(last)


def targets() -> list[Target]:
    """The moments are by the clock, so they differ from run to run."""
    lines, short = st.integers(0, len(LONG) - 1), st.integers(0, len(SHORT) - 1)
    moments = st.integers(0, 4000).map(lambda thousandths: thousandths / 1000)
    numbers = st.sampled_from((signal.SIGINT, signal.SIGTERM))
    stops, kills = st.tuples(lines, moments, numbers), st.tuples(lines, moments)
    reads = st.tuples(short, st.integers(0, 200))
    return [
        Target("signals", stops, _stop, memory=None, most=100, ends=1),
        Target("workers", kills, _kill, memory=None, most=60, ends=1),
        Target("pipes", reads, _unread, memory=None, most=100),
        Target("full output", short, _unwritten, memory=None, most=len(SHORT)),
    ]

"""Runs that are killed as they write, again and again: what stands is whole, and a run
that goes on ends as one that was left alone, bit for bit.

A life is a process that trains. It is killed as it touches a file of its folder for the
n-th time, or, where a size is given, by the kernel, in the middle of the first file
that grows beyond it.
"""

import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from shared.frameworks import NATIVE, ORACLE, PACKAGES
from shared.running import saving, training
from shared.running.client import Worker
from shared.running.training import Job
from shared.tasks import task
from triptych.faults.oracle import Broken, Target
from triptych.faults.readers import memory

TASK = "digits_mlp"
CHANGES = {"epochs": 4, "save_every": 5}
TOUCHES = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")
Moment = tuple[int, int | None]  # which touch, and a size
KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)


def live(framework: str, folder: str, moment: Moment | None) -> int:
    """Train in a process of its own until the moment comes; how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        if moment:
            sys.addaudithook(_dies(folder, *moment))
        _train(framework, Path(folder))
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _train(framework: str, folder: Path) -> None:
    adapter = importlib.import_module(f"{PACKAGES[framework]}.adapter")
    model = adapter.Adapter("float32", 1).build(task(TASK).spec, TASK)
    model.start(0)
    training.train(model, Job(TASK, folder, CHANGES, resume=True))


def _dies(folder: str, number: int, size: int | None) -> Callable[[str, Any], None]:
    left = [number]

    def hook(event: str, arguments: Any) -> None:
        if event not in TOUCHES or not str(arguments[0]).startswith(folder):
            return
        left[0] -= 1
        if left[0] == 0 and size is None:
            os.kill(os.getpid(), signal.SIGKILL)
        elif left[0] == 0:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (size or 0, size or 0))

    return hook


@dataclass(eq=False)
class Lives:
    """Runs of one framework, whose process is started once; each life is a copy."""

    framework: str
    held: list[Worker] = field(default_factory=list)

    def live(self, folder: Path, moment: Moment | None) -> int:
        if not self.held:
            self.held.append(Worker(self.framework, timeout=300))
        target = "triptych.faults.deaths:live"
        code = self.held[0].ask(target, self.framework, str(folder), moment)
        return int(code)

    @cached_property
    def whole(self) -> tuple[bytes, Any]:
        """What a run that is left alone ends with."""
        with TemporaryDirectory(dir=memory()) as folder:
            if code := self.live(Path(folder), None):
                raise Broken(f"{self.framework} ended with {code}: {self.log}")
            return ends(Path(folder))

    @property
    def log(self) -> str:
        return " | ".join(self.held[0].log[-6:])

    def attempt(self, moments: tuple[Moment, ...]) -> None:
        whole = self.whole
        with TemporaryDirectory(dir=memory()) as name:
            folder = Path(name) / "run"
            for moment in (*moments, None):
                code = self.live(folder, moment)
                if code not in (0, *KILLED) or (moment is None and code):
                    raise Broken(f"ended with {code}: {self.log}")
                stands(folder)
                if code == 0:
                    break
            if ends(folder) != whole:
                raise Broken("it ends otherwise than a run that was left alone")
            left = [path.name for path in folder.rglob(".triptych-*")]
            if left:
                raise Broken(f"left behind: {left}")


def stands(folder: Path) -> None:
    """What has its name is whole."""
    for path in saving.found(folder / "checkpoints"):
        saving.read(path)
    for path in folder.glob("history.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line)
    for path in folder.glob("outcome.json"):
        json.loads(path.read_text())


def ends(folder: Path) -> tuple[bytes, Any]:
    lines = (folder / "history.jsonl").read_text().splitlines()
    told = [{**json.loads(line), "seconds": None} for line in lines]
    return (folder / "model.safetensors").read_bytes(), told


KILLS = 5  # of one run
CASES = 20
MOMENTS = st.lists(
    st.tuples(st.integers(1, 30), st.one_of(st.none(), st.integers(0, 60_000))),
    min_size=KILLS,
    max_size=KILLS,
).map(tuple)


def targets() -> list[Target]:
    return [
        Target(
            *(f"kills {framework}", MOMENTS, Lives(framework).attempt),
            memory=None,
            most=CASES,
            ends=KILLS,
        )
        for framework in (ORACLE, *NATIVE)
    ]

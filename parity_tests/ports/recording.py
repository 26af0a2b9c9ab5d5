"""Recorders at work: one process a framework, asked by lines of JSON."""

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from parity_tests.ports.dumps import Dump, read, write_tensors
from shared.errors import UsageError, one_line
from triptych.recorders import bundle

# Most of the time would go into XLA's optimisations of a program that runs once.
XLA = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


class Asker(Protocol):
    """A recorder, wherever it runs."""

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""

    def ask(self, job: str, **asked: Any) -> None:
        """Waits until a job is done; whatever went wrong is one line."""


def heard(answer: Mapping[str, Any], target: str) -> None:
    """Raises what a recorder did not do, as one line."""
    if "refused" in answer:
        raise UsageError(one_line(answer["refused"]))
    if "raised" in answer:
        if os.environ.get("TRIPTYCH_DEBUG"):
            print(answer["details"], file=sys.stderr)
        raise UsageError(f"{target} raised {one_line(answer['raised'])}")


class Process:
    """A recorder that has been started; it imports nothing of this suite."""

    def __init__(self, framework: str, python: str, home: Path, timeout: float):
        self.framework, self.home, self.timeout = framework, home, timeout
        framework, _, backend = framework.rstrip("]").partition("[")
        own = home / f"{framework}_recorder.py"
        own.write_text(bundle(framework))
        self.errors = (home / f"{framework}.stderr").open("w+")
        environment = {"XLA_FLAGS": XLA, "TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
        if backend:
            environment["KERAS_BACKEND"] = backend
        try:
            self.process = subprocess.Popen(
                [python, str(own), "--serve"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise UsageError(f"--python {python}: {error.strerror}") from None
        self.lines: queue.Queue[str] = queue.Queue()
        self.over = False
        self.lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.over = True
        self.lines.put("")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, job: str, **asked: Any) -> None:
        """Waits until a job is done; whatever went wrong is one line."""
        target = asked.get("target", "")
        assert self.process.stdin is not None
        with self.lock:
            try:
                print(json.dumps({"do": job, **asked}), file=self.process.stdin)
                self.process.stdin.flush()
                line = "" if self.over else self.lines.get(timeout=self.timeout)
            except (BrokenPipeError, OSError):
                line = ""
            except queue.Empty:
                self.close()
                said = f"{target}: no answer within {self.timeout:g} s"
                raise UsageError(said) from None
        if not line:
            raise UsageError(f"{target}: the recorder ended: {self._last()}")
        heard(json.loads(line), target)

    def _last(self) -> str:
        self.process.wait(10)
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip()]
        last = one_line(lines[-1]) if lines else "without a word"
        if last.startswith("ModuleNotFoundError"):
            last += "; install it, or give --python of an environment that has it"
        return last

    def close(self) -> None:
        if self.alive:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):  # of what was not sent
                if pipe is not None:
                    pipe.close()


class Recorders:
    """The recorders of a comparison, each started when it is first asked for."""

    def __init__(self, timeout: float = 600.0):
        self.timeout = timeout
        self._folder = tempfile.TemporaryDirectory(prefix="triptych-")
        self.home = Path(self._folder.name)
        self._running: dict[tuple[str, str, str], Process] = {}
        self._numbers = itertools.count()
        self._starting = threading.Lock()

    def get(self, framework: str, dtype: str, python: str = "") -> Process:
        key = (framework, dtype, python or sys.executable)
        with self._starting:
            if key in self._running and not self._running[key].alive:
                self._running.pop(key).close()
            if key not in self._running:
                home = self.place("process")
                home.mkdir()
                self._running[key] = Process(framework, key[2], home, self.timeout)
            return self._running[key]

    def place(self, name: str) -> Path:
        """A path of its own for something to be handed over."""
        return self.home / f"{next(self._numbers)}-{name}"

    def close(self) -> None:
        while self._running:
            self._running.popitem()[1].close()
        self._folder.cleanup()

    def __enter__(self) -> "Recorders":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Live:
    """A target opened in a recorder: it can be asked again, with other weights."""

    def __init__(
        self,
        recorders: Recorders,
        process: Asker,
        target: str,
        training: tuple[int, str] = (0, ""),
        **options: Any,
    ):
        self.recorders, self.process, self.target = recorders, process, target
        self.training = training  # how many updates, and by what
        self.weights = ""  # a file that the next record loads first
        out = recorders.place("tree")
        process.ask("open", target=target, out=str(out), **options)
        self.tree = read(out)

    def record(self, **options: Any) -> Dump:
        out = self.recorders.place("dump")
        if self.weights:
            options["weights"], self.weights = self.weights, ""
        if self.training[0] and "modes" not in options:
            options["steps"], options["optimizer"] = self.training
        self.process.ask("record", target=self.target, out=str(out), **options)
        return read(out)

    def forced(
        self, mode: str, values: Mapping[str, Any], gradients: bool = False
    ) -> Dump:
        """Records a mode in which calls are given these values for their own, through
        which no gradient goes on."""
        path = self.recorders.place("forced")
        write_tensors(path, values)
        found = self.record(modes=[mode], forced=str(path), gradients=gradients)
        path.unlink()
        return found

    def close(self) -> None:
        """Lets the recorder forget the model."""
        self.process.ask("close", target=self.target)

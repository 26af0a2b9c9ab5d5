"""The judge's side of a framework package in its own process, behind the contract.

`Worker` starts that process (shared/running/server.py) once and asks it by message. A
crash, a hang or an exception in it is a `WorkerFailure` here, and other workers go on.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from shared.arrays import Array, Weights
from shared.data.batches import Samples
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.distributed import Place
from shared.errors import Stopped, UsageError, unknown
from shared.files.weights import Entry
from shared.frameworks import PACKAGES, ROOT
from shared.messages import (
    Prepared,
    Request,
    Result,
    Seen,
    Steps,
    Stream,
    Timed,
    Workload,
)
from shared.objectives.plan import Plan
from shared.running import forks
from shared.running.environment import TOLD, environment
from shared.running.saving import Checkpoint
from shared.running.stopping import ASK
from shared.running.training import Job
from shared.running.wire import receive, send
from shared.specs.base import Spec


class WorkerFailure(Exception):
    """A framework did not answer; the message is the reason in one line."""


class WorkerCrashed(WorkerFailure):
    """The process died."""


class WorkerStopped(WorkerFailure):
    """It was asked to stop, and did."""


class WorkerTimeout(WorkerFailure):
    """No answer within the time limit; the process was ended."""


class WorkerRaised(WorkerFailure):
    """An exception in the framework; `details` ends its traceback."""

    def __init__(self, message: str, details: str):
        super().__init__(message)
        self.details = details


_RUNNING: dict[int, "Worker"] = {}
GRACE = 1.0  # seconds for a run to save where it is


class _Ended:
    """Says whether this process starts no more workers."""

    said = False


def _not_ended(name: str) -> None:
    """What was ended has not failed, and nothing takes its place."""
    if _Ended.said:
        raise Stopped(f"stopped, and {name} with it")


def stop_all() -> None:
    """Ask all workers of this process to end, and start no more: where one trains it
    saves first. What has not ended soon is killed."""
    _Ended.said = True
    stop(list(_RUNNING.values()))


def kill_all() -> None:
    for worker in list(_RUNNING.values()):
        worker._process.kill()


def stop(workers: Iterable["Worker"]) -> None:
    """Ask workers to end, from any thread; end what has not ended soon."""
    asked = list(workers)
    for worker in asked:
        worker.ask_to_stop()

    def kill() -> None:
        for worker in asked:
            worker.end()

    late = threading.Timer(GRACE, kill)
    late.daemon = True
    late.start()


class Worker:
    """One framework in one precision. Use as a context manager.

    cores: pin the process to these; without it only the thread pools that heed a
        variable are held to `threads` (XLA's heeds nothing but the affinity).
    device: cpu hides every other; cuda and tpu must be there. Without it the
        framework takes the best it finds, PyTorch the CPU.
    root: where the packages are imported from, if not from this suite itself.
    place: it trains together with others (shared/running/team.py), on the CPU where no
        device is named.
    variables: of its process, beside what the framework needs.
    """

    def __init__(
        self,
        framework: str,
        dtype: str = "float32",
        *,
        threads: int = 1,
        cores: tuple[int, ...] = (),
        device: str = "",
        timeout: float | None = 600.0,
        root: Path = ROOT,
        place: Place | None = None,
        variables: Mapping[str, str] | None = None,
    ):
        if framework not in PACKAGES:
            raise unknown("framework", framework, PACKAGES)
        _not_ended(framework)
        self.framework, self.dtype, self.timeout = framework, dtype, timeout
        self.device, self.name = device, framework
        if place:
            self.name = f"{framework}, rank {place.rank} of {place.size},"
        given = environment(framework, dtype, threads, device, place)
        given |= variables or {}
        self.environment = {k: v for k, v in given.items() if k in TOLD}
        if root != ROOT:
            given["PYTHONPATH"] = f"{root}{os.pathsep}{given['PYTHONPATH']}"
        self._socket, other = socket.socketpair()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        pinned = ",".join(map(str, cores))
        arguments = [
            PACKAGES[framework],
            dtype,
            str(other.fileno()),
            str(threads),
            pinned,
        ]
        with other:
            self._process = forks.start(arguments, given, other.fileno(), self._log)
        _RUNNING[id(self)] = self
        if _Ended.said:  # while it was being started
            self._stop()
            _not_ended(framework)

    def call(
        self, method: str, *args: Any, handle: int | None = None, **kwargs: Any
    ) -> Any:
        """Ask and wait; raises UsageError or a WorkerFailure."""
        if self._socket.fileno() < 0:
            _not_ended(self.name)
            raise WorkerCrashed(f"{self.framework} is no longer running")
        try:
            self._socket.settimeout(self.timeout)
            send(self._socket, (method, handle, args, kwargs))
            kind, value = receive(self._socket)
        except TimeoutError:
            self._stop()
            raise WorkerTimeout(
                f"{self.framework} gave no answer to {method} in {self.timeout:g} s"
            ) from None
        except (EOFError, OSError):
            self._crashed(method)
        if kind == "usage":
            raise UsageError(value)
        if kind == "stopped":
            raise WorkerStopped(f"{self.name} {value}")
        if kind == "raised":
            raise WorkerRaised(f"{self.framework}: {value[0]}", value[1])
        return value

    def build(self, spec: Spec, name: str = "") -> "RemoteModel":
        return RemoteModel(self, self.call("build", spec, name))

    def adopt(
        self,
        target: str,
        inputs: tuple[Array, ...],
        paths: tuple[str, ...] = (),
        program: str = "",
    ) -> "RemoteModel":
        """Take a person's own model: `package.module:name`, imported over there.

        inputs: what it will be called with, or its method `program`.
        """
        return RemoteModel(self, self.call("adopt", target, inputs, paths, program))

    def describe(self) -> dict[str, Any]:
        return self.call("describe")

    def optimize(self, stream: Stream) -> Steps:
        return self.call("optimize", stream)

    def factors(self, schedule: Schedule, number: int) -> list[float]:
        return self.call("factors", schedule, number)

    def observe(self, schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
        return self.call("observe", schedule, values)

    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        return self.call("evaluate", loss, outputs, targets)

    def require(self, device: str) -> None:
        """UsageError unless the framework sees such a device."""
        self.call("require", device)

    def ask(self, target: str, *arguments: Any, paths: tuple[str, ...] = ()) -> Any:
        """What the function `package.module:name` gives over there."""
        return self.call("ask", target, arguments, paths)

    def memory(self) -> float | None:
        """Give the most MiB that the device held since `forget_memory`, on a CPU the
        process; None where the system does not tell."""
        return self.call("memory")

    def forget_memory(self) -> None:
        self.call("forget_memory")

    def reload(self, modules: list[str]) -> None:
        """Import these modules again, in this order (their files changed)."""
        self.call("reload", modules)

    def renew(self) -> None:
        """Import the framework's package again (its files changed); what was built is
        dropped, the framework itself stays imported."""
        self.call("renew")

    @property
    def alive(self) -> bool:
        return self._socket.fileno() >= 0 and self._process.poll() is None

    @property
    def log(self) -> list[str]:
        """What the worker printed, line by line."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").splitlines()

    def ask_to_stop(self) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(ASK)

    def end(self) -> None:
        """End the process, from another thread than that which waits for an answer."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self._stop()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _crashed(self, method: str) -> NoReturn:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        self._stop()
        _not_ended(self.name)
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = signal.Signals(-code).name
        lines = [line for line in self.log if line.strip()]
        # Python's own account of a crash ends in a stack; what came before says why.
        fatal = [i for i, line in enumerate(lines) if line.startswith("Fatal Python")]
        lines = lines[: max(fatal[-1], 1)] if fatal else lines
        last = f"; its last line: {lines[-1].strip()}" if lines else ""
        raise WorkerCrashed(f"{self.name} died in {method} ({how}){last}")

    def _stop(self) -> None:
        _RUNNING.pop(id(self), None)
        self._socket.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class RemoteModel:
    """A model in a worker; the methods are those of shared.contract.Model."""

    worker: Worker
    handle: int

    def _call(self, method: str, *args: Any) -> Any:
        return self.worker.call(method, *args, handle=self.handle)

    def entries(self) -> dict[str, Entry]:
        return self._call("entries")

    def layer_names(self) -> list[str]:
        return self._call("layer_names")

    def load(self, values: Weights) -> None:
        self._call("load", dict(values))

    def dump(self) -> dict[str, Array]:
        return self._call("dump")

    def fill(self, seed: int) -> None:
        self._call("fill", seed)

    def start(self, seed: int) -> None:
        self._call("start", seed)

    def lower(self) -> None:
        self._call("lower")

    def run(self, request: Request) -> Result:
        return self._call("run", request)

    def predict(
        self, inputs: tuple[Array, ...], program: str = ""
    ) -> tuple[Array, ...]:
        return self._call("predict", inputs, program)

    def say(self, request: Request) -> None:
        self._call("say", request)

    def go_on(self) -> Array | None:
        return self._call("go_on")

    def save(self, path: Path) -> None:
        self._call("save", path)

    def read(self, path: Path) -> None:
        self._call("read", path)

    def write_native(self, path: Path, values: Weights) -> None:
        self._call("write_native", path, dict(values))

    def read_native(self, path: Path) -> dict[str, Array]:
        return self._call("read_native", path)

    def train(self, job: Job) -> dict[str, Any]:
        """Train a whole run over there; its folder tells how far it is."""
        return self.worker.call("train", self.handle, job)

    def follow(
        self,
        plan: Plan,
        batches: list[Samples],
        seed: int,
        begin: Checkpoint | None = None,
    ) -> tuple[list[Seen], Checkpoint]:
        return self.worker.call("follow", self.handle, plan, batches, seed, begin)

    def move(self, device: str) -> None:
        self._call("move", device)

    def prepare(self, work: Workload) -> Prepared:
        return self._call("prepare", work)

    def time(self, samples: int, calls: int = 1, handicap: float = 0.0) -> Timed:
        return self._call("time", samples, calls, handicap)

    def drop(self) -> None:
        """Free the model; the worker lives on."""
        self.worker.call("drop", self.handle)

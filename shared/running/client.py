"""A framework package in its own process, behind the contract.

The judge's side is `Worker`; `python -m shared.running.client` is the other side. A
worker is started once and asked by message. A crash, a hang or an exception in it is a
`WorkerFailure` here, and other workers go on.
"""

import contextlib
import functools
import gc
import importlib
import inspect
import os
import pickle
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np

from shared.arrays import Array, Weights
from shared.contract import (
    Prepared,
    Request,
    Result,
    Seen,
    Steps,
    Stream,
    Timed,
    Workload,
)
from shared.data.batches import Samples
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.distributed import VARIABLES, Place
from shared.errors import UsageError, unknown
from shared.files.weights import Entry
from shared.objectives.plan import Plan
from shared.running import training
from shared.running.saving import Checkpoint
from shared.running.training import Job
from shared.specs.base import Spec

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ("pytorch", "keras", "jax")
PACKAGES = {
    "pytorch": "pytorch_impl",
    "keras": "keras_impl",
    "jax": "jax_impl",
    "keras[jax]": "keras_impl",
    "keras[torch]": "keras_impl",
}
FRAMEWORKS = tuple(PACKAGES)
# Networks from scratch, of some families (shared/reference): an oracle for the others.
ORACLE = "numpy"
PACKAGES[ORACLE] = "shared.reference"
_BACKENDS = {"keras": "tensorflow", "keras[jax]": "jax", "keras[torch]": "torch"}


# By what a framework's own name of such a device is told.
DEVICES = {"cpu": ("cpu",), "cuda": ("cuda", "gpu"), "tpu": ("tpu", "xla")}


# The variables that say how a worker ran.
TOLD = (
    "KERAS_BACKEND",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)


class WorkerFailure(Exception):
    """A framework did not answer; the message is the reason in one line."""


class WorkerCrashed(WorkerFailure):
    """The process died."""


class WorkerTimeout(WorkerFailure):
    """No answer within the time limit; the process was ended."""


class WorkerRaised(WorkerFailure):
    """An exception in the framework; `details` ends its traceback."""

    def __init__(self, message: str, details: str):
        super().__init__(message)
        self.details = details


def environment(
    framework: str,
    dtype: str,
    threads: int,
    device: str = "",
    place: Place | None = None,
) -> dict[str, str]:
    """The variables that must be set before the framework is imported."""
    device = device or ("cpu" if place else "")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    backend = _BACKENDS.get(framework)
    # Workers see this suite first, then whatever the caller could import.
    paths = [str(ROOT), *(p for p in sys.path if p)]
    own = {k: v for k, v in os.environ.items() if place or k not in VARIABLES}
    if place:
        own |= place.variables()
        if device == "cuda":
            own["CUDA_VISIBLE_DEVICES"] = _own_device(place)
    return {
        **own,
        **({"KERAS_BACKEND": backend} if backend else {}),
        **(hidden if device == "cpu" else {}),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "JAX_ENABLE_X64": "1" if dtype == "float64" else "0",
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Several share a device, so none takes all of its memory at once.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "PYTHONFAULTHANDLER": "1",
    }


def _own_device(place: Place) -> str:
    """One of those that the caller may see, for each process."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = seen.split(",") if seen else [str(k) for k in range(place.size)]
    if place.local >= len(devices):
        raise UsageError(
            f"{place.size} processes: cuda has one device each, {seen!r} is seen"
        )
    return devices[place.local]


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
            self._process = subprocess.Popen(
                # -P: a folder called `shared` where the caller stands is not ours.
                [sys.executable, "-P", "-m", "shared.running.client", *arguments],
                env=given,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )

    def call(
        self, method: str, *args: Any, handle: int | None = None, **kwargs: Any
    ) -> Any:
        """Ask and wait; raises UsageError or a WorkerFailure."""
        if self._socket.fileno() < 0:
            raise WorkerCrashed(f"{self.framework} is no longer running")
        try:
            self._socket.settimeout(self.timeout)
            _send(self._socket, (method, handle, args, kwargs))
            kind, value = _receive(self._socket)
        except TimeoutError:
            self._stop()
            raise WorkerTimeout(
                f"{self.framework} gave no answer to {method} in {self.timeout:g} s"
            ) from None
        except (EOFError, OSError):
            self._crashed(method)
        if kind == "usage":
            raise UsageError(value)
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
        """A person's own model: `package.module:name`, imported over there.

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
        """MiB: the most that the device held since `forget_memory`, on a CPU the
        process; None where the system does not tell."""
        return self.call("memory")

    def forget_memory(self) -> None:
        self.call("forget_memory")

    def reload(self, modules: list[str]) -> None:
        """Import these modules again, in this order (their files changed)."""
        self.call("reload", modules)

    @property
    def alive(self) -> bool:
        return self._socket.fileno() >= 0 and self._process.poll() is None

    @property
    def log(self) -> list[str]:
        """What the worker printed, line by line."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").splitlines()

    def end(self) -> None:
        """From another thread than the one that waits for an answer."""
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

    def run(self, request: Request) -> Result:
        return self._call("run", request)

    def predict(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return self._call("predict", inputs)

    def save(self, path: Path) -> None:
        self._call("save", path)

    def read(self, path: Path) -> None:
        self._call("read", path)

    def write_native(self, path: Path, values: Weights) -> None:
        self._call("write_native", path, dict(values))

    def read_native(self, path: Path) -> dict[str, Array]:
        return self._call("read_native", path)

    def train(self, job: Job) -> dict[str, Any]:
        """A whole run, over there; its folder tells how far it is."""
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


# Messages: a pickle whose arrays travel beside it, straight from and into their memory.


def _send(sock: socket.socket, message: object) -> None:
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views = [memoryview(head), *(b.raw() for b in buffers)]
    sizes = [view.nbytes for view in views]
    sock.sendall(struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes))
    for view in views:
        sock.sendall(view)


def _receive(sock: socket.socket) -> Any:
    (number,) = struct.unpack("<I", _exactly(sock, 4))
    sizes = struct.unpack(f"<{number}Q", _exactly(sock, 8 * number))
    head, *buffers = [_exactly(sock, size) for size in sizes]
    return pickle.loads(head, buffers=buffers)


def _exactly(sock: socket.socket, size: int) -> memoryview:
    view = np.empty(size, np.uint8).data
    done = 0
    while done < size:
        got = sock.recv_into(view[done:])
        if got == 0:
            raise EOFError
        done += got
    return view


# The worker's side.


STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


class Server:
    """Answers messages with one framework package."""

    def __init__(self, package: str, dtype: str, threads: int):
        start = time.perf_counter()
        adapter = importlib.import_module(f"{package}.adapter")
        self.framework = adapter.Adapter(dtype, threads)
        self.import_s = time.perf_counter() - start
        gc.freeze()  # what an import made stays; no collection need look at it again
        self.models: dict[int, Any] = {}
        self.held = 0.0
        self.settled = _status("VmRSS") or 0.0  # MiB after the last collection
        if Place.told().size > 1:
            importlib.import_module(f"{package}.distributed").join()

    def answer(
        self, method: str, handle: int | None, args: Any, kwargs: Any
    ) -> tuple[str, Any]:
        try:
            target = self if handle is None else self.models[handle]
            return "value", getattr(target, method)(*args, **kwargs)
        except UsageError as error:
            return "usage", str(error)
        except Exception as error:
            first = (str(error).strip() or "no message").splitlines()[0]
            last = "".join(traceback.format_exc().splitlines(keepends=True)[-12:])
            return "raised", (f"{type(error).__name__}: {first}", last)

    def build(self, spec: Spec, name: str) -> int:
        model = self.framework.build(spec, name)
        return self._keep(model)

    def adopt(
        self,
        target: str,
        inputs: tuple[Array, ...],
        paths: tuple[str, ...],
        program: str,
    ) -> int:
        sys.path[:0] = [path for path in paths if path not in sys.path]
        native = _resolve(target)
        if program and not callable(getattr(native, program, None)):
            has = ", ".join(_methods(native)) or "none"
            raise UsageError(f"{target} has no method {program!r}; it has {has}")
        return self._keep(self.framework.adopt(native, inputs, program))

    def train(self, handle: int, job: Job) -> dict[str, Any]:
        return training.train(self.models[handle], job)

    def follow(self, handle: int, *args: Any) -> tuple[list[Seen], Checkpoint]:
        return training.follow(self.models[handle], *args)

    def drop(self, handle: int) -> None:
        """What was small goes with the next collection that comes by itself."""
        del self.models[handle]
        size = _status("VmRSS")
        on_device = self.framework.memory() is not None
        if on_device or size is None or size > self.settled + 100:
            gc.collect()
            self.settled = _status("VmRSS") or 0.0

    def describe(self) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            **self.framework.describe(),
            "modes": self.framework.modes,
            "import_s": round(self.import_s, 3),
            "peak_mib": peak // 1024,
        }

    def memory(self) -> float | None:
        held = self.framework.memory()
        if held is not None:
            return held / 2**20
        peak = _status("VmHWM")
        return None if peak is None else peak - self.held

    def forget_memory(self) -> None:
        gc.collect()
        with contextlib.suppress(OSError):
            CLEAR.write_text("5")  # the peak is from here on
        self.held = _status("VmRSS") or 0.0

    def optimize(self, stream: Stream) -> Steps:
        return self.framework.optimize(stream)

    def factors(self, schedule: Schedule, number: int) -> list[float]:
        return self.framework.factors(schedule, number)

    def observe(self, schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
        return self.framework.observe(schedule, values)

    def evaluate(
        self, loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        return self.framework.evaluate(loss, outputs, targets)

    def require(self, device: str) -> None:
        seen = self.framework.describe()["devices"]
        words = DEVICES[device]
        if not any(word in one.lower() for one in seen for word in words):
            raise UsageError(
                f"device {device!r}: looked for {' or '.join(words)}, the framework "
                f"sees {', '.join(seen)}"
            )

    def ask(
        self, target: str, arguments: tuple[Any, ...], paths: tuple[str, ...]
    ) -> Any:
        sys.path[:0] = [path for path in paths if path not in sys.path]
        module, _, name = target.partition(":")
        return getattr(importlib.import_module(module), name)(*arguments)

    def reload(self, modules: list[str]) -> None:
        for name in modules:
            importlib.reload(importlib.import_module(name))

    def _keep(self, model: Any) -> int:
        handle = max(self.models, default=0) + 1
        self.models[handle] = model
        return handle


def _status(name: str) -> float | None:
    """MiB, as Linux counts."""
    lines = STATUS.read_text().splitlines() if CLEAR.exists() else []
    found = [line for line in lines if line.startswith(f"{name}:")]
    return int(found[0].split()[1]) / 1024 if found else None


def _resolve(target: str) -> Any:
    """The object at `package.module:name`; a class or a function is called."""
    module_name, _, path = target.partition(":")
    if not module_name or not path:
        raise UsageError(f"{target!r} is not of the form package.module:name")
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{target}: {error}") from None
    for part in path.split("."):
        if not hasattr(value, part):
            raise UsageError(f"{target}: {module_name} has no {path}")
        value = getattr(value, part)
    makers = (type, functools.partial)
    if not (isinstance(value, makers) or inspect.isroutine(value)):
        return value
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        raise UsageError(
            f"{target} cannot be called without arguments: {error}"
        ) from None
    return value()


def _methods(native: Any) -> list[str]:
    """Those that its own class has for others to call."""
    own = vars(type(native)).items()
    return [k for k, v in own if inspect.isfunction(v) and not k.startswith("_")]


def _leave_with(sock: socket.socket) -> None:
    """End when the other side does, also in the middle of a run."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    poll.poll()
    os._exit(1)


def main(package: str, dtype: str, descriptor: str, threads: str, cores: str) -> None:
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(",")))
    with socket.socket(fileno=int(descriptor)) as sock:
        # A copy: closing the other when it fails must not cut off its last words.
        watched = sock.dup()
        threading.Thread(target=_leave_with, args=(watched,), daemon=True).start()
        server = Server(package, dtype, int(threads))
        while True:
            try:
                message = _receive(sock)
            except EOFError:
                return
            _send(sock, server.answer(*message))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The worker's side: a framework package that answers messages, behind the contract.

`python -m shared.running.server` is started by shared/running/client.py.
"""

import contextlib
import functools
import gc
import importlib
import inspect
import os
import resource
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.arrays import Array
from shared.definitions.losses import Loss
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.distributed import Place
from shared.errors import Stopped, UsageError
from shared.frameworks import DEVICES
from shared.messages import Seen, Steps, Stream
from shared.running import training
from shared.running.saving import Checkpoint
from shared.running.stopping import wish
from shared.running.training import Job
from shared.running.wire import receive, send
from shared.specs.base import Spec

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


class Server:
    """Answers messages with one framework package."""

    def __init__(self, package: str, dtype: str, threads: int):
        start = time.perf_counter()
        self.package, self.dtype, self.threads = package, dtype, threads
        self.framework = self._adapter()
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
        except Stopped as stopped:
            return "stopped", str(stopped)
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

    def renew(self) -> None:
        """Import the package again, and what in the judge's files builds on it."""
        self.models.clear()
        for name in list(sys.modules):
            if name.partition(".")[0] in (self.package, "parity_tests"):
                del sys.modules[name]
        importlib.invalidate_caches()
        self.framework = self._adapter()

    def _adapter(self) -> Any:
        module = importlib.import_module(f"{self.package}.adapter")
        return module.Adapter(self.dtype, self.threads)

    def _keep(self, model: Any) -> int:
        handle = max(self.models, default=0) + 1
        self.models[handle] = model
        return handle


def _status(name: str) -> float | None:
    """Read one of the process's numbers in MiB, as Linux counts."""
    lines = STATUS.read_text().splitlines() if CLEAR.exists() else []
    found = [line for line in lines if line.startswith(f"{name}:")]
    return int(found[0].split()[1]) / 1024 if found else None


def _resolve(target: str) -> Any:
    """Find the object at `package.module:name`; a class or a function is called."""
    module_name, _, path = target.partition(":")
    if not module_name or not path:
        raise UsageError(f"{target!r} is not of the form package.module:name")
    try:
        value: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{target}: {error}") from None
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        raise UsageError(f"{target}: importing it raised {kind}: {error}") from None
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
    """Give the methods that an object's own class has for others to call."""
    own = vars(type(native)).items()
    return [k for k, v in own if inspect.isfunction(v) and not k.startswith("_")]


def _leave_with(sock: socket.socket) -> None:
    """End when the other side does, also in the middle of a run."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    poll.poll()
    os._exit(1)


def main(package: str, dtype: str, descriptor: str, threads: str, cores: str) -> None:
    wish.listen()
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(",")))
    with socket.socket(fileno=int(descriptor)) as sock:
        # A copy: closing the other when it fails must not cut off its last words.
        watched = sock.dup()
        threading.Thread(target=_leave_with, args=(watched,), daemon=True).start()
        answer = _answering(package, dtype, int(threads))
        while True:
            try:
                message = receive(sock)
            except EOFError:
                return
            send(sock, answer(*message))


def _answering(package: str, dtype: str, threads: int) -> Callable[..., Any]:
    """Give what answers messages; what could not begin says why to all of them."""
    try:
        return Server(package, dtype, threads).answer
    except UsageError as error:
        refused = "usage", str(error)
        return lambda *message: refused


if __name__ == "__main__":
    main(*sys.argv[1:])

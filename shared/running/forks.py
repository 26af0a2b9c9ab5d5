"""Workers as forks of a process that has imported their framework already.

Importing a framework takes 1.2 to 5 seconds of a processor. A run that starts many
workers one after another, as the tests do, opens `Forks`: the second worker that wants
the same environment is then a fork, as all later ones, in this process and below it.
A fork reads the files of the suite itself, so that these may change, or be a copy.
"""

import array
import atexit
import contextlib
import fcntl
import gc
import hashlib
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from shared.distributed import VARIABLES
from shared.frameworks import LIBRARIES

VARIABLE = "TRIPTYCH_FORKS"
# No framework's import reads these: a fork is given its own.
LATE = {"PYTHONPATH", "PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", *VARIABLES}
LATE |= {"PYTHONBREAKPOINT", "TORCHINDUCTOR_CACHE_DIR"}
LATE_PREFIXES = ("PYTEST_", "RAY_", "TRIPTYCH_")
THREADS, STATUS = Path("/proc/self/task"), Path("/proc/self/status")
ALIVE = "alive"
NUMBER = struct.Struct("<i")
_BEGUN: dict[str, list[subprocess.Popen[bytes]]] = {}  # those that fork, by folder


class Process(Protocol):
    """What a client asks of a worker's process, be it a child or a fork."""

    pid: int

    @property
    def returncode(self) -> int | Any: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...

    def send_signal(self, number: int) -> None: ...


class Forks:
    """While it is open, workers are forks where they can be. Use as a context
    manager; processes below find it by a variable, and all that it started ends with
    it, or with this process. Within another it is that one; where the system has no
    /proc, every worker is a child."""

    def __enter__(self) -> Self:
        self._folder = ""
        if VARIABLE in os.environ or not THREADS.exists():
            return self
        self._folder = tempfile.mkdtemp(prefix="triptych-")
        self._alive = socket.socket(socket.AF_UNIX)
        self._alive.bind(str(Path(self._folder) / ALIVE))
        self._alive.listen(128)
        os.environ[VARIABLE] = self._folder
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._folder:
            return
        os.environ.pop(VARIABLE, None)
        self._alive.close()
        for process in _BEGUN.pop(self._folder, []):
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def start(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    descriptor: int,
    log: IO[Any],
) -> Process:
    """Start the worker's side of `descriptor` (shared/running/server.py)."""
    folder = os.environ.get(VARIABLE)
    if folder and (place := _place(Path(folder), arguments[0], variables)):
        with contextlib.suppress(OSError):
            return Fork(place, arguments, variables, descriptor, log)
    return subprocess.Popen(
        # -P: a folder called `shared` where the caller stands is not ours.
        [sys.executable, "-P", "-m", "shared.running.server", *arguments],
        env=variables,
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def _place(folder: Path, package: str, variables: Mapping[str, str]) -> Path | None:
    """Give the socket of the process that has imported it, started at the second
    time; None where a worker is better started by itself."""
    late: tuple[str, ...] = LATE_PREFIXES
    if "jax" not in (package.removesuffix("_impl"), variables.get("KERAS_BACKEND")):
        late += ("JAX_",)
    kept = sorted(
        (k, v) for k, v in variables.items() if k not in LATE and not k.startswith(late)
    )
    words = json.dumps([package, kept, _inherited()]).encode()
    place = folder / hashlib.sha256(words).hexdigest()[:16]
    try:
        with (folder / f"{place.name}.asked").open("a") as asked:
            fcntl.flock(asked, fcntl.LOCK_EX)
            if asked.tell() == 0:
                asked.write("once")
                return None
            if asked.tell() == len("once"):
                asked.write(", and again")
                _begin(place, package, variables)
    except OSError:  # closed meanwhile
        return None
    return place if place.exists() else None


def _inherited() -> list[Any]:
    """What a child has of its parent beside variables and folder: what it may use, its
    cores and its priority, and what others may do with its files."""
    limits = [resource.getrlimit(number) for number in range(resource.RLIMIT_NICE)]
    masks = [line for line in STATUS.read_text().splitlines() if line[:5] == "Umask"]
    return [limits, sorted(os.sched_getaffinity(0)), os.nice(0), masks]


def _begin(place: Path, package: str, variables: Mapping[str, str]) -> None:
    """Start the process that forks, and wait until it can, or has given up."""
    with (place.parent / f"{place.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "shared.running.forks", str(place), package],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a terminal's signals are for who asks
        )
    _BEGUN.setdefault(str(place.parent), []).append(process)
    while process.poll() is None and not place.exists():
        time.sleep(0.02)


@atexit.register
def _leave() -> None:
    """What this process began ends with who opened `Forks`; Python would warn of
    children that nobody awaits."""
    for process in (one for begun in _BEGUN.values() for one in begun):
        if process.poll() is None:
            process.returncode = 0


class Fork:
    """A fork that another process made for us, as `subprocess.Popen` has its own."""

    def __init__(
        self,
        place: Path,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        descriptor: int,
        log: IO[Any],
    ):
        self.returncode: int | None = None
        self._told = socket.socket(socket.AF_UNIX)
        try:
            self._told.connect(str(place))
            words = [list(arguments), dict(variables), os.getcwd()]
            text = json.dumps(words).encode()
            handed = array.array("i", [descriptor, log.fileno()])
            self._told.sendmsg(
                [struct.pack("<I", len(text))],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)],
            )
            self._told.sendall(text)
            self.pid = self._number()
        except BaseException:
            self._told.close()
            raise

    def _number(self) -> int:
        read = self._told.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(read) < NUMBER.size:
            raise OSError("the process that forks has ended")
        (number,) = NUMBER.unpack(read)
        return int(number)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ready, _, _ = select.select([self._told], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(["a fork"], timeout or 0)
            try:
                self.returncode = self._number()
            except OSError:  # with all its forks
                self.returncode = -signal.SIGKILL
            self._told.close()
        return self.returncode

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


# The process that forks


def main(place: Path, package: str) -> None:
    """Import the package's framework, then fork for everybody who asks, until `Forks`
    is closed."""
    for library in LIBRARIES[package]:
        importlib.import_module(library)
    if len(os.listdir(THREADS)) > 1:
        return  # a fork has one thread, and would wait for locks of the others
    gc.collect()
    gc.freeze()
    alive, listener = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    alive.connect(str(place.parent / ALIVE))
    woken, waker = socket.socketpair()
    woken.setblocking(False)
    waker.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    early = place.with_suffix(".early")
    listener.bind(str(early))
    listener.listen(16)
    early.rename(place)
    asked: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([alive, woken, listener], [], [])
        if alive in ready:
            return
        if woken in ready:
            woken.recv(4096)
        _tell(asked)
        if listener in ready:
            _fork(listener, asked, (alive, woken, waker))


def _fork(
    listener: socket.socket,
    asked: dict[int, socket.socket],
    others: Sequence[socket.socket],
) -> None:
    """Fork for who asks next, and tell it the number of its process."""
    caller, _ = listener.accept()
    given = _read(caller)
    if given is None:
        caller.close()
        return
    arguments, variables, here, descriptors = given
    pid = os.fork()
    if pid == 0:
        for one in (listener, caller, *others, *asked.values()):
            one.close()
        _become(arguments, variables, here, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    asked[pid] = caller
    with contextlib.suppress(OSError):
        caller.sendall(NUMBER.pack(pid))


def _tell(asked: dict[int, socket.socket]) -> None:
    """Tell those who asked which of their forks have ended, and how."""
    while asked:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with contextlib.suppress(OSError), asked.pop(pid) as caller:
            caller.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))


def _read(
    caller: socket.socket,
) -> tuple[list[str], dict[str, str], str, list[int]] | None:
    """Give arguments, variables, folder, and the two descriptors."""
    caller.settimeout(10)
    try:
        head, descriptors, _, _ = socket.recv_fds(caller, 4, 2)
        (size,) = struct.unpack("<I", head)
        asks = json.loads(caller.recv(size, socket.MSG_WAITALL))
    except (OSError, ValueError, struct.error):
        return None
    caller.settimeout(None)
    arguments, variables, here = asks
    return arguments, variables, here, descriptors


def _become(
    arguments: list[str],
    variables: dict[str, str],
    here: str,
    descriptor: int,
    log: int,
) -> None:
    """Be the worker that was asked for, in its own environment, and end with it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(here)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ.clear()
        os.environ.update(variables)
        rest = [path for path in sys.path if path not in before]
        sys.path[:] = [*variables["PYTHONPATH"].split(os.pathsep), *rest]
        for name in [name for name in sys.modules if name.startswith("shared")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        server = importlib.import_module("shared.running.server")
        package, dtype, _, threads, cores = arguments
        server.main(package, dtype, str(descriptor), threads, cores)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

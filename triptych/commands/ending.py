"""How a command ends: its exit code, and one line where it fails or is stopped."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import typer

from shared.errors import Stopped, UsageError, one_line, shortened

STOPPED = 130
LAST = 1.7  # seconds after a signal until the process ends, whatever it does
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_AGAIN = "stopped; the same command begins anew"


class _Signal:
    heard = False


def ended(command: typer.Typer) -> int:
    """The exit code of a command."""
    try:
        with _stoppable(), _streams():
            code = command(standalone_mode=False)
            sys.stdout.flush()
    except Stopped as stopped:
        return _say(one_line(stopped), STOPPED)
    except (KeyboardInterrupt, typer.Abort):
        return _say(_AGAIN, STOPPED)
    except BaseException as error:
        if _Signal.heard:  # what was ended is no failure
            return _say(_AGAIN, STOPPED)
        if _left(error):
            _let_go()
            return 0
        if isinstance(error, SystemExit) or os.environ.get("TRIPTYCH_DEBUG"):
            raise
        return _tell(error)
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT and SIGTERM end all that was started; also where a shell, which starts
    what runs in the background deaf, has SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    yield


def _stop(*_: Any) -> NoReturn:
    _Signal.heard = True
    if client := sys.modules.get("shared.running.client"):
        client.stop_all()
    late = threading.Timer(LAST, _end)
    late.daemon = True
    late.start()
    raise Stopped(_AGAIN)


def _end() -> None:
    if client := sys.modules.get("shared.running.client"):
        client.kill_all()
    _say(_AGAIN, STOPPED)
    os._exit(STOPPED)


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """What nobody reads must be said, or thrown away: never written into a file that
    happens to be opened where standard output was."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        raise UsageError("standard output is closed; /dev/null is there for all")
    yield


def _left(error: BaseException | None) -> bool:
    """Whether it is that the reader of what is printed has seen enough; the library of
    the command line makes an exit code of it."""
    if isinstance(error, SystemExit):
        error = error.__context__
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _let_go() -> None:
    """Python must not complain when it flushes again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _say(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(message, file=sys.stderr, flush=True)
    return code


def _tell(error: BaseException) -> int:
    said = getattr(error, "format_message", None)
    wrong_use = isinstance(error, UsageError) or said is not None
    message = shortened(said() if said else error)
    # What else is written is written in one place, which says so itself.
    if isinstance(error, OSError) and error.errno in _FULL and not error.filename:
        _let_go()
        message, wrong_use = f"standard output: {os.strerror(error.errno)}", True
    elif isinstance(error, OSError) and error.filename is not None:
        # The system refuses a path that somebody named.
        message = shortened(f"{error.filename}: {error.strerror}")
        wrong_use = True
    elif not wrong_use and type(error).__module__ != "shared.running.client":
        message = f"{type(error).__name__}: {message} (--debug shows where)"
    return _say(f"error: {message}", 2 if wrong_use else 1)

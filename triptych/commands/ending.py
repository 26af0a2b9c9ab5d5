"""How a command ends: its exit code, and one line where it fails."""

import os
import sys

import typer

from shared.errors import UsageError, shortened


def ended(command: typer.Typer) -> int:
    try:
        code = command(standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has seen enough; Python must not complain when it flushes again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.Abort:
        return 130
    except Exception as error:
        if os.environ.get("TRIPTYCH_DEBUG"):
            raise
        return _tell(error)
    return code if isinstance(code, int) else 0


def _tell(error: Exception) -> int:
    said = getattr(error, "format_message", None)
    wrong_use = isinstance(error, UsageError) or said is not None
    if isinstance(error, OSError) and error.filename is not None:
        # The system refuses a path that somebody named.
        wrong_use, error = True, UsageError(f"{error.filename}: {error.strerror}")
    message = shortened(said() if said else error)
    if not wrong_use and type(error).__module__ != "shared.running.client":
        message = f"{type(error).__name__}: {message} (--debug shows where)"
    print(f"error: {message}", file=sys.stderr)
    return 2 if wrong_use else 1

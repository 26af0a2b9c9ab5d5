"""A run's folder: one writer at a time, and an old run that stays until a new one
stands."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import UsageError
from shared.files.writing import forget_temporaries, make_folder
from shared.running import saving

try:
    import fcntl
except ImportError:  # not everywhere; there two runs in one folder go unnoticed
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
CHECKPOINTS = "checkpoints"
PROGRESS = "progress.txt"  # tells whoever follows a run how far it is
ASIDE = ".before"  # holds the run that a new one is to replace
# What a run writes. Its checkpoints are the first to go and the last to come back:
# where there are some, they are of a run that stands.
KEPT = (
    CHECKPOINTS,
    "history.jsonl",
    "best.safetensors",
    "model.safetensors",
    "outcome.json",
)
# What says that a file system knows no locks.
_LOCKLESS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@contextmanager
def held(folder: Path, holder: str = "") -> Iterator[None]:
    """Holds a run's folder; UsageError where another process does.

    What runs that were killed left half done is put in order first. holder: what the
        other is told.
    """
    make_folder(folder)
    descriptor = _opened(folder / LOCK)
    try:
        _lock(folder, descriptor)
        with contextlib.suppress(OSError):  # a full disk has locks all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, (holder or f"process {os.getpid()}").encode(), 0)
        settle(folder)
        forget_temporaries(folder)
        forget_temporaries(folder / CHECKPOINTS)
        yield
    finally:
        os.close(descriptor)


def set_aside(folder: Path) -> None:
    """Moves the run of a folder that is held out of the way of a new one."""
    with _refusals(folder):
        (folder / ASIDE).mkdir()
        for name in KEPT:
            if os.path.lexists(folder / name):
                (folder / name).rename(folder / ASIDE / name)


def settle(folder: Path) -> None:
    """Forgets the run that was set aside if the new one stands, or brings it back."""
    aside = folder / ASIDE
    if not os.path.lexists(aside):
        return
    with _refusals(folder):
        if not saving.found(folder / CHECKPOINTS):
            for name in reversed(KEPT):
                _remove(folder / name, os.path.lexists(aside / name))
                if os.path.lexists(aside / name):
                    (aside / name).rename(folder / name)
        _remove(aside)


def _remove(path: Path, wanted: bool = True) -> None:
    if not wanted or not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{folder}: the run in it cannot be moved ({error.strerror})"
        ) from None


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from None


def _lock(folder: Path, descriptor: int) -> None:
    """The kernel gives the lock back when a process ends, however it ends."""
    locks: Any = fcntl
    if locks is None:
        return
    try:
        locks.flock(descriptor, locks.LOCK_EX | locks.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace")
        raise UsageError(
            f"{folder}: another run writes it, {holder or 'of an unknown process'}; "
            "wait for it, stop it, or give another --out"
        ) from None
    except OSError as error:
        if error.errno not in _LOCKLESS:
            raise

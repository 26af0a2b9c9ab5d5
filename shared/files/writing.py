"""The one place that writes files: whole where they can be, and never through a trap.

What stands at a path decides how. Where nothing stands, or a file of one name, a
temporary file beside it takes its place when all is written, with the mode and the
owner of the one before. A link stays, and what it leads to is written. A device or a
pipe is written to as it is. What cannot be replaced, a file with several names or in a
folder that is not ours, is written over once everything is there and has room.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.errors import UsageError

TEMPORARY = ".triptych-"  # begins the name of what is not whole yet
_LINKS = 40  # as many as Linux follows
_CLOSED = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_ITSELF = getattr(os, "O_NOFOLLOW", 0)
# What says that a file is held in its place, by a mount or by the folder's owner.
_HELD = (errno.EBUSY, errno.EPERM, errno.EXDEV, errno.EACCES)


@contextmanager
def opened(path: Path, *, whole: bool = False) -> Iterator[IO[bytes]]:
    """Gives a file to write to; it stands at `path` when the block ends well.

    whole: refuse what could be seen half-written: a device, a pipe, a file that cannot
        be replaced.
    """
    try:
        target = _followed(path)
        found = _status(target)
        if _is_open_file(target.parent) or not _is_file(found):
            _allow(not whole, "it is no file that could be replaced")
            with _straight(target, found) as file:
                yield file
        elif found is None or _is_replaceable(target, found):
            with _beside(target, found, whole) as file:
                yield file
        else:
            _allow(not whole, "it has another name, another owner or a closed folder")
            with _over(target) as file:
                yield file
    except OSError as error:
        raise _refused(path, error) from None


@contextmanager
def written(path: Path, *, whole: bool = False) -> Iterator[Path]:
    """Gives a path of the same name, for what writes to paths alone; its content stands
    at `path` when the block ends well."""
    with (
        opened(path, whole=whole) as file,
        tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=_room(path)) as folder,
    ):
        inside = Path(folder) / path.name
        yield inside
        with inside.open("rb") as source:
            shutil.copyfileobj(source, file)


def write_bytes(path: Path, content: bytes, *, whole: bool = False) -> None:
    with opened(path, whole=whole) as file:
        file.write(content)


def write_text(path: Path, content: str, *, whole: bool = False) -> None:
    write_bytes(path, content.encode(), whole=whole)


def append_line(path: Path, line: str, *, synced: bool = True) -> None:
    """Adds a line to a file, on the disk when this returns; what a writer that was
    killed left of a line goes."""
    try:
        target = _followed(path)
        if _is_open_file(target.parent) or not _is_file(found := _status(target)):
            with _straight(target, _status(target)) as file:
                file.write(line.encode() + b"\n")
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _ITSELF | _CLOSED
        with os.fdopen(os.open(target, flags, 0o666), "r+b", buffering=0) as file:
            if found is not None:
                file.truncate(_end_of_lines(file))
            file.write(line.encode() + b"\n")
            if synced:
                os.fsync(file.fileno())
    except OSError as error:
        raise _refused(path, error) from None


def refuse_unwritable(path: Path) -> None:
    """A UsageError where no line could be added, before what there is to add is had; no
    file is left that was not there."""
    make_folder(path.parent)
    try:
        target = _followed(path)
        found = _status(target)
        if _is_open_file(target.parent) or not _is_file(found):
            _allow(
                found is not None and not stat.S_ISDIR(found.st_mode),
                "it is a folder",
                errno.EISDIR,
            )
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _ITSELF | _CLOSED
        os.close(os.open(target, flags, 0o666))
        if found is None:
            target.unlink()
    except OSError as error:
        raise _refused(path, error) from None


def new(path: Path) -> None:
    """Leaves an empty file at `path`, a new one whatever stood there."""
    try:
        path.unlink(missing_ok=True)
        os.close(_made(path, 0o666))
    except OSError as error:
        raise _refused(path, error) from None


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, where they are not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{folder}: cannot be a folder, it is a file") from None
    except OSError as error:
        raise _refused(folder, error) from None


def forget_temporaries(folder: Path) -> None:
    """Removes what writers that were killed left in a folder that is ours alone."""
    for left in folder.glob(f"{TEMPORARY}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written ({error.strerror or error})")


def _allow(fine: bool, why: str, number: int = errno.EPERM) -> None:
    if not fine:
        raise OSError(number, why)


def _followed(path: Path) -> Path:
    """Where a chain of links ends; those in /proc and /dev are open files, and stay."""
    place = path.absolute()
    for _ in range(_LINKS):
        place = Path(os.path.realpath(place.parent)) / place.name
        if _is_open_file(place.parent) or not place.is_symlink():
            return place
        place = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _is_open_file(folder: Path) -> bool:
    return str(folder) == "/dev" or str(folder).startswith("/proc/")


def _status(target: Path) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError):
        return target.stat()
    return None


def _is_file(found: os.stat_result | None) -> bool:
    return found is None or stat.S_ISREG(found.st_mode)


def _is_replaceable(target: Path, found: os.stat_result) -> bool:
    _allow(_may_write(target), os.strerror(errno.EACCES), errno.EACCES)
    own = os.geteuid() in (0, found.st_uid)
    return own and found.st_nlink == 1 and _may_write(target.parent)


def _may_write(path: Path) -> bool:
    effective = os.access in os.supports_effective_ids
    mode = os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, mode, effective_ids=effective)


@contextmanager
def _straight(target: Path, found: os.stat_result | None) -> Iterator[IO[bytes]]:
    """What is no file is written as it comes."""
    if found is not None:
        _allow(not stat.S_ISDIR(found.st_mode), "it is a folder", errno.EISDIR)
        _allow(not stat.S_ISBLK(found.st_mode), "it is a disk")
    with os.fdopen(_stream(found, target), "wb") as file:
        yield file


def _stream(found: os.stat_result | None, target: Path) -> int:
    """Give a descriptor; of our own output the one there is, whose place in a file it
    keeps."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if found and os.path.samestat(found, os.fstat(stream.fileno())):
                stream.flush()
                return os.dup(stream.fileno())
    return os.open(target, os.O_WRONLY | os.O_APPEND | _CLOSED)


@contextmanager
def _beside(
    target: Path, found: os.stat_result | None, whole: bool
) -> Iterator[IO[bytes]]:
    """A file that takes the place of another, synced, when the block ends well."""
    temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    mode = 0o666 if found is None else stat.S_IMODE(found.st_mode)
    descriptor = _made(temporary, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            if found is not None:
                _like(descriptor, found)
            yield file
            file.flush()
            os.fsync(descriptor)
            try:
                temporary.replace(target)
            except OSError as error:
                if found is None or whole or error.errno not in _HELD:
                    raise
                _pour(file, target)
    finally:
        temporary.unlink(missing_ok=True)


def _made(path: Path, mode: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _ITSELF | _CLOSED
    return os.open(path, flags, mode)


def _like(descriptor: int, found: os.stat_result) -> None:
    """Give a file another's owner, as far as we may, and its mode."""
    own = os.fstat(descriptor)
    for new, old, user in (
        (found.st_gid, own.st_gid, False),
        (found.st_uid, own.st_uid, True),
    ):
        if new != old:
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, new if user else -1, -1 if user else new)
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


@contextmanager
def _over(target: Path) -> Iterator[IO[bytes]]:
    """What is kept elsewhere until it is all there."""
    with tempfile.TemporaryFile(dir=_room(target)) as kept:
        yield kept
        kept.flush()
        _pour(kept, target)


def _room(path: Path) -> Path | None:
    """A folder for what is not whole yet: beside the target, where it may be."""
    folder = _followed(path).parent
    return folder if not _is_open_file(folder) and _may_write(folder) else None


def _pour(source: IO[bytes], target: Path) -> None:
    """Write over a file, whose old content stays where there is no room for the new."""
    size = os.fstat(source.fileno()).st_size
    descriptor = os.open(target, os.O_WRONLY | _ITSELF | _CLOSED)
    with os.fdopen(descriptor, "wb") as file:
        _make_room(descriptor, size)
        source.seek(0)
        shutil.copyfileobj(source, file)
        file.truncate()
        file.flush()
        os.fsync(descriptor)


def _make_room(descriptor: int, size: int) -> None:
    before = os.fstat(descriptor).st_size
    if size <= before or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        os.ftruncate(descriptor, before)
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _end_of_lines(file: IO[bytes]) -> int:
    """Count the bytes up to the last line's end."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - 4096)
        file.seek(start)
        if (found := file.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0

"""Files of others, read within bounds; what is wrong with one is a line that names it.

A reader takes bytes from here, never from the path itself, so that neither a long file
nor a small one that unpacks to a long one fills the memory. Calls of a library that
takes bytes apart stand in `parsed`, alone: what the library raises of a damaged file
is told as such, and a mistake of ours is not.
"""

import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import UsageError, brief, one_line

MEGABYTE = 1 << 20
# bz2 and lzma unpack a whole block at once, however little of it is asked for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNPACKING = (OSError, EOFError, zlib.error)
# A ValueError is a name that is no UTF-8 though it says so.
_ARCHIVE = (
    *(*_UNPACKING, zipfile.BadZipFile, NotImplementedError, RuntimeError),
    *(ValueError, struct.error),
)


@contextmanager
def parsed(where: object, what: str, *raised: type[Exception]) -> Iterator[None]:
    """Tell what a library raises of a damaged file: it is not `what`."""
    try:
        yield
    except raised as error:
        raise UsageError(f"{where}: not {what} ({brief(error)})") from None


def content(path: Path, most: int) -> bytes:
    """The bytes of a file, or of what it holds where its name ends with .gz; no more
    than `most` of them."""
    try:
        with path.open("rb") as file:
            packed = path.suffix == ".gz"
            source = gzip.GzipFile(fileobj=file) if packed else file
            found = source.read(most + 1)
    except gzip.BadGzipFile as error:
        raise UsageError(f"{path}: not packed by gzip ({brief(error)})") from None
    except _UNPACKING as error:
        raise unreadable(path, error) from None
    if len(found) > most:
        raise UsageError(f"{path}: more than {most:,} bytes, which are allowed")
    return found


def unreadable(path: object, error: Exception) -> UsageError:
    """What the system, or gzip, says of a file that cannot be read."""
    said = getattr(error, "strerror", None) or brief(error)
    return UsageError(f"{path}: cannot be read ({said})")


def text(path: Path, most: int = 64 * MEGABYTE) -> str:
    """Read a file of UTF-8, its lines ended as anywhere."""
    found = content(path, most)
    try:
        whole = found.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = found[error.start]
        line = found[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path}: cannot be read (byte {error.start}, {byte:#04x} in line {line}, "
            "is not UTF-8)"
        ) from None
    return whole.replace("\r\n", "\n").replace("\r", "\n")


def from_json(found: str | bytes, where: object) -> Any:
    """What a text of JSON says; its numbers are finite."""
    try:
        return json.loads(found, parse_constant=_no_number)
    except RecursionError:
        raise UsageError(f"{where} is no JSON: nested too deep") from None
    except ValueError as error:
        raise UsageError(f"{where} is no JSON: {brief(error)}") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


@contextmanager
def archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; the list of its members is no longer than the file."""
    try:
        opened = zipfile.ZipFile(path)
    except _ARCHIVE as error:
        raise UsageError(f"{path}: not a zip archive ({brief(error)})") from None
    with opened:
        yield opened


def member(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """The bytes of a member, whose checksum is right."""
    where = f"{opened.filename}: {one_line(entry.filename)}"
    if entry.file_size > most:
        raise UsageError(f"{where} has {entry.file_size:,} bytes; allowed: {most:,}")
    if entry.compress_type not in _METHODS:
        raise UsageError(f"{where} is packed in an unusual way; allowed: deflate")
    with parsed(where, "a whole member", *_ARCHIVE), opened.open(entry) as file:
        found = file.read(entry.file_size)  # no further, whatever it unpacks to
    if len(found) != entry.file_size:
        raise UsageError(
            f"{where} ends after {len(found):,} of {entry.file_size:,} bytes"
        )
    return found


def refuse_altered(path: Path) -> None:
    """A UsageError where a member of a zip archive has not the checksum that it should;
    what is no zip archive has none."""
    with parsed(path, "a zip archive", *_ARCHIVE):
        if not zipfile.is_zipfile(path):
            return
    with archive(path) as opened:
        for entry in opened.infolist():
            where = f"{path}: {one_line(entry.filename)}"
            if entry.compress_type not in _METHODS:
                raise UsageError(f"{where} is packed in an unusual way")
            with parsed(where, "whole", *_ARCHIVE), opened.open(entry) as file:
                while file.read(MEGABYTE):
                    pass

"""Archives of np.savez: arrays by name, no pickle, no more than a file holds."""

import math
import tokenize
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from shared import reading
from shared.arrays import Array
from shared.errors import one_line

MOST_BYTES = 1 << 30  # of one array
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What NumPy raises of a header that is damaged; it parses it as Python's own text.
_BROKEN = (
    *(ValueError, TypeError, SyntaxError, EOFError, OverflowError, RecursionError),
    *(tokenize.TokenError, MemoryError),
)


def read(path: Path) -> dict[str, Array]:
    """Read all of its arrays, by their names without the suffix."""
    found: dict[str, Array] = {}
    with reading.archive(path) as archive:
        for entry in archive.infolist():
            where = f"{path}: {one_line(entry.filename)}"
            whole = reading.member(archive, entry, MOST_BYTES)
            found[entry.filename.removesuffix(".npy")] = _array(where, whole)
    return found


def _array(where: str, whole: bytes) -> Array:
    file = BytesIO(whole)
    with reading.parsed(where, "an array", *_BROKEN):
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version}")
        shape, turned, dtype = _HEADERS[version](file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min((0, *shape)) < 0:
            raise ValueError(f"{dtype} of shape {shape}")
        if size != len(whole) - file.tell():
            raise ValueError(f"{size:,} bytes are wanted")
        values = np.frombuffer(whole, dtype, math.prod(shape), file.tell())
        return values.reshape(shape, order="F" if turned else "C")

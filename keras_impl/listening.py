"""TensorFlow's server, which listens on every interface, told to listen on one.

Its address is written in its source. So while the server starts, the call `bind` of its
own libraries leads here, by their tables of imported functions; and afterwards it is
looked at where this process listens.
"""

import ctypes
import mmap
import os
import platform
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from shared.distributed import EVERYWHERE, HOST
from shared.errors import UsageError

_FAMILY = "H"
_V4 = socket.inet_aton(HOST)
_MAPPED = bytes(10) + b"\xff\xff" + _V4  # the same as IPv6 has it
_NUMBERS = {socket.AF_INET: (4, _V4), socket.AF_INET6: (8, _MAPPED)}  # where, what
# The kinds of entries that hold an imported function's address.
_IMPORTED = {"x86_64": (6, 7), "aarch64": (1025, 1026)}
_DYNAMIC = 2
_STRTAB, _SYMTAB, _STRSZ = 5, 6, 10
_TABLES = ((23, 2), (7, 8))  # DT_JMPREL and DT_RELA, with their sizes

_Bind = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, use_errno=True
)


@contextmanager
def on_this_machine() -> Iterator[None]:
    """Lets what starts within listen on this machine alone; UsageError where it does
    not, unless a person has allowed it."""
    if os.environ.get(EVERYWHERE):
        yield
        return
    with _led_here():
        yield
    found = _listening()
    if not found or not all(map(_is_ours, found)):
        raise UsageError(
            "keras: TensorFlow listens on every interface of this machine, "
            f"{', '.join(found) or 'as far as is seen'}; --listen-everywhere allows it"
        )


def _is_ours(address: str) -> bool:
    return address.removeprefix("::ffff:") in (HOST, "::1")


def _listening() -> list[str]:
    """The addresses on which this process waits for others."""
    found = []
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as one:
            inet = one.family in _NUMBERS
            if inet and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.append(one.getsockname()[0])
    return found


@contextmanager
def _led_here() -> Iterator[None]:
    """The call `bind` of TensorFlow's libraries, as `_bind` has it."""
    kept = _Bind(_bind)
    address = ctypes.cast(kept, ctypes.c_void_p).value or 0
    slots = _slots("tensorflow", b"bind")
    before = [_put(slot, address) for slot in slots]
    try:
        yield
    finally:
        for slot, value in zip(slots, before, strict=True):
            _put(slot, value)


def _bind(descriptor: int, address: int, length: int) -> int:
    given = bytearray(ctypes.string_at(address, length))
    (family,) = struct.unpack_from(_FAMILY, given)
    if family in _NUMBERS:
        start, wanted = _NUMBERS[socket.AddressFamily(family)]
        if not any(given[start : start + len(wanted)]):
            given[start : start + len(wanted)] = wanted
    real: Any = ctypes.CDLL(None, use_errno=True).bind
    return int(real(descriptor, (ctypes.c_char * length).from_buffer(given), length))


def _put(slot: int, value: int) -> int:
    """Write an address into a table of imported functions; give the one before."""
    page = slot & -mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), mmap.PAGESIZE, 3):  # read and write
        raise OSError(ctypes.get_errno(), "mprotect")
    place = ctypes.c_uint64.from_address(slot)
    before, place.value = place.value, value
    return before


# Where ELF files, as Linux has loaded them, keep the addresses of what they import


class _Loaded(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_uint64),
        ("number", ctypes.c_uint16),
    )


def _slots(library: str, name: bytes) -> list[int]:
    """Find where libraries of this name keep an imported function's address."""
    kinds = _IMPORTED.get(platform.machine(), ())
    found: list[int] = []
    visit = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(_Loaded), ctypes.c_size_t, ctypes.c_void_p
    )

    def look(loaded: Any, size: int, rest: Any) -> int:
        one = loaded.contents
        if library in os.path.basename((one.name or b"").decode(errors="replace")):
            found.extend(_imports(one, name, kinds))
        return 0

    libc = ctypes.CDLL(None)
    if kinds and hasattr(libc, "dl_iterate_phdr"):
        libc.dl_iterate_phdr(visit(look), None)
    return found


def _imports(loaded: _Loaded, name: bytes, kinds: tuple[int, ...]) -> list[int]:
    said = _dynamic(loaded)
    if not {_STRTAB, _SYMTAB, _STRSZ} <= said.keys():
        return []
    text = ctypes.string_at(said[_STRTAB], said[_STRSZ])
    names = _all(text, name + b"\0")
    found: list[int] = []
    for table, size in _TABLES:
        if table not in said:
            continue
        rows = _memory(said[table], said[size], "<u8").reshape(-1, 3)
        rows = rows[np.isin(rows[:, 1] & 0xFFFFFFFF, kinds)]
        symbols = (rows[:, 1] >> np.uint64(32)).astype(np.int64)
        if not len(symbols):
            continue
        table_of = _memory(said[_SYMTAB], 24 * (int(symbols.max()) + 1), "<u4")
        of_names = np.isin(table_of.reshape(-1, 6)[symbols, 0], names)
        found += [loaded.base + int(offset) for offset in rows[of_names, 0]]
    return found


def _dynamic(loaded: _Loaded) -> dict[int, int]:
    """What a loaded file tells of its tables."""
    headers = _memory(loaded.headers, 56 * loaded.number, "<u8").reshape(-1, 7)
    said: dict[int, int] = {}
    for header in headers[(headers[:, 0] & 0xFFFFFFFF) == _DYNAMIC]:
        start, size = loaded.base + int(header[2]), int(header[5])
        for tag, value in _memory(start, size, "<u8").reshape(-1, 2):
            if not tag:
                break
            said[int(tag)] = int(value)
    return said


def _memory(start: int, size: int, dtype: str) -> Any:
    return np.frombuffer(memoryview((ctypes.c_char * size).from_address(start)), dtype)


def _all(text: bytes, part: bytes) -> list[int]:
    found, at = [], text.find(part)
    while at >= 0:
        found.append(at)
        at = text.find(part, at + 1)
    return found
